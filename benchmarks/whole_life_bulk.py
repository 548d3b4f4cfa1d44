"""`python -m benchmarks.whole_life_bulk`: many messages a request on the way in, batches on the way out."""

from benchmarks import command
from benchmarks.figures import Figure
from benchmarks.living import measure_life
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack

# There is no way yet to send many messages in one request, nor to report many in one: both are single here.
SINGLE = "accepts and receipts are still single requests"


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure with a provider that takes batches."""
    return measure_life("whole life, batches", stack, plan, connections=64, messages=12_000, target=3_200, note=SINGLE)


BENCHMARK = Benchmark(measure=measure, provider=Provider(batches=True, receipts=True))

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
