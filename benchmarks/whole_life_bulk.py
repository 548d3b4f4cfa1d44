"""`python -m benchmarks.whole_life_bulk`: many messages a request on the way in, out and back."""

from dataclasses import replace

from benchmarks import command, floors
from benchmarks.figures import Figure
from benchmarks.living import SENDING_MANY, measure_life
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure with a provider that takes batches, and reports in lists, beside what SQL alone can do."""
    figures = measure_life("whole life, batches", stack, plan, sending=SENDING_MANY, messages=30_000, target=3_200)
    if not stack.has_references:
        return figures
    sql = [floors.lives(stack, plan) for _ in range(plan.runs)]
    floor = Figure(name=f"reference: whole lives by SQL alone, {floors.LIFE_SET} a commit", unit="/s", runs=sql)
    sustained, burst, *others = figures
    ratios = {**burst.ratios, "SQL alone": burst.value / floor.value}
    return [sustained, replace(burst, ratios=ratios), *others, floor]


BENCHMARK = Benchmark(measure=measure, provider=Provider(batches=True, receipts=True, receipts_a_request=100))

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
