"""`python -m benchmarks.dispatch_batch`: one worker empties a queue; the provider takes a batch a request."""

from benchmarks import command
from benchmarks.dispatching import measure_dispatch
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure from the first claim to the last record."""
    return measure_dispatch("dispatch, batches", stack, plan, messages=30_000, target=4_000)


BENCHMARK = Benchmark(measure=measure, provider=Provider())

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
