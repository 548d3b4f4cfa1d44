"""`python -m benchmarks.accept_rest`: one message a request, through REST, into one web process."""

from dataclasses import replace

from benchmarks import command, floors, requests
from benchmarks.accepting import Door, measure_door
from benchmarks.figures import Figure
from benchmarks.measure import Series, load, order
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Stack

DOOR = Door(name="REST send", request=requests.rest_send(), status=202, targets={16: 4_000, 64: 6_000})


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure at 16 and at 64 connections, and the least that has to be done for it at 16."""
    first, *others = measure_door(DOOR, stack, plan)
    if not stack.has_references:
        return [first, *others]
    least = _least(stack, plan)
    return [replace(first, ratios={**first.ratios, "the least": first.value / least.value}), *others, least]


def _least(stack: Stack, plan: Plan) -> Figure:
    with (
        floors.raw_asgi(stack, stores=True) as floor,
        load(floors.port_of(floor), 16, requests.rest_send()) as generator,
    ):
        order(generator, seconds=plan.warm_up)
        series = Series(
            name="reference: a row for each request, and nothing else, 16 connections",
            processes=lambda: {"floor": floor.pid, "postgres": stack.pids()["postgres"], "load": generator.pid},
        )
        for _ in range(plan.runs):
            series.run(lambda: order(generator, seconds=plan.seconds / 2))
        return series.figure()


BENCHMARK = Benchmark(measure=measure, worker=False)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
