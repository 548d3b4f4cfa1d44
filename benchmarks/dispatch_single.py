"""`python -m benchmarks.dispatch_single`: one worker, one request a message, answered in 50 ms."""

from benchmarks import command
from benchmarks.dispatching import measure_dispatch
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure from the first claim to the last record."""
    return measure_dispatch("dispatch, one request a message, 50 ms", stack, plan, messages=8_000, target=1_200)


BENCHMARK = Benchmark(measure=measure, provider=Provider(batches=False, latency=0.05))

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
