"""`python -m benchmarks.whole_life_bulk`: many messages a request on the way in, out and back."""

from benchmarks import command
from benchmarks.figures import Figure
from benchmarks.living import SENDING_MANY, measure_life
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure with a provider that takes batches, and reports in lists."""
    return measure_life("whole life, batches", stack, plan, sending=SENDING_MANY, messages=30_000, target=3_200)


BENCHMARK = Benchmark(measure=measure, provider=Provider(batches=True, receipts=True, receipts_a_request=100))

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
