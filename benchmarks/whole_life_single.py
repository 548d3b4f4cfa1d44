"""`python -m benchmarks.whole_life_single`: accept, submit and receipt are one HTTP request each, for every message."""

from benchmarks import command, requests
from benchmarks.figures import Figure
from benchmarks.living import Sending, measure_life
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack

SENDING = Sending(connections=16, request=requests.rest_send(), expect='"QUEUED"')


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure with a provider that answers at once."""
    return measure_life("whole life, single requests", stack, plan, sending=SENDING, messages=6_000, target=1_000)


BENCHMARK = Benchmark(measure=measure, provider=Provider(batches=False, receipts=True))

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
