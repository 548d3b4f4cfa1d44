"""`python -m benchmarks.accept_graphql`: one message a request, through `sendMessage`, into one web process."""

from benchmarks import command, floors, requests
from benchmarks.accepting import Door, measure_door
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Stack

DOOR = Door(name="GraphQL sendMessage", request=requests.graphql_send(), status=200, targets={16: None, 64: 3_000})


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure at 16 and at 64 connections."""
    # `sendMessages`, many messages a request, is measured here as soon as it exists: 500 a request, 15,000 messages a
    # second, and at least a fifth of `floors.batched_inserts`.
    rates = [floors.batched_inserts(stack, plan) for _ in range(plan.runs)]
    floor = Figure(name=f"reference: INSERT of {floors.BATCH:,} rows at once, one client", unit="rows/s", runs=rates)
    return [*measure_door(DOOR, stack, plan), floor]


BENCHMARK = Benchmark(measure=measure, worker=False)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
