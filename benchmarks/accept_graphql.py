"""`python -m benchmarks.accept_graphql`: one message a request, through `sendMessage`, into one web process."""

from benchmarks import command, requests
from benchmarks.accepting import Door, measure_door
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Stack

DOOR = Door(name="GraphQL sendMessage", request=requests.graphql_send(), status=200, targets={16: None, 64: 3_000})


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure at 16 and at 64 connections."""
    return measure_door(DOOR, stack, plan)


BENCHMARK = Benchmark(measure=measure, worker=False)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
