"""`python -m benchmarks.accept_rest`: one message a request, through REST, into one web process."""

from benchmarks import command, requests
from benchmarks.accepting import Door, measure_door
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Stack

DOOR = Door(name="REST send", request=requests.rest_send(), status=202, targets={16: 4_000, 64: 6_000})


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure at 16 and at 64 connections."""
    return measure_door(DOOR, stack, plan)


BENCHMARK = Benchmark(measure=measure, worker=False)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
