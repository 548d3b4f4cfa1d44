"""What the two accept benchmarks share: one door of the service beside the raw ASGI floor and the baseline."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from benchmarks import comparison, floors, requests
from benchmarks.figures import Figure
from benchmarks.measure import Series, load, order
from benchmarks.orders import Ordered
from benchmarks.plan import Plan
from benchmarks.stack import Provider, Stack
from devstack.processes import Child

LATENCY_TARGET = 60.0
WORKERS_AWAY = "no worker runs meanwhile"


@dataclass(frozen=True, kw_only=True)
class Door:
    """A way to send one message."""

    name: str
    request: str
    status: int
    targets: Mapping[int, float | None]  # by number of connections


def measure_door(door: Door, stack: Stack, plan: Plan) -> list[Figure]:
    """Measure every number of connections, the references beside it, and the door while a worker dispatches."""
    figures: list[Figure] = []
    with ExitStack() as beside:
        floor = beside.enter_context(floors.raw_asgi(stack))
        baseline = beside.enter_context(comparison.beside(stack, provider=Provider()))
        for connections in door.targets:
            figures += _beside_floor(stack, door, plan, connections=connections, floor=floor)
        if baseline is not None:
            figures.append(_baseline(baseline, plan))
            ratio = figures[0].value / figures[-1].value
            figures[0] = replace(figures[0], ratios={**figures[0].ratios, "baseline": ratio})
        commits = [floors.single_commits(stack, plan) for _ in range(plan.runs)]
        figures.append(Figure(name=f"reference: one-row commits, {floors.CLIENTS} clients", unit="/s", runs=commits))
    stack.start([stack.worker])
    stack.drain()
    figures.append(_while_dispatching(stack, door, plan))
    stack.drain()
    return figures


def _beside_floor(stack: Stack, door: Door, plan: Plan, *, connections: int, floor: Child) -> list[Figure]:
    with (
        load(stack.port, connections, door.request, expect='"QUEUED"', status=door.status) as ours,
        load(floors.port_of(floor), connections, requests.rest_send()) as theirs,
    ):
        for one in (ours, theirs):
            order(one, seconds=plan.warm_up)
        accept = Series(name=f"{door.name}, {connections} connections", processes=_with_load(stack, ours))
        echo = Series(
            name=f"reference: raw ASGI echo, {connections} connections",
            processes=lambda: {"floor": floor.pid, "load": theirs.pid},
        )
        for _ in range(plan.runs):
            accept.run(lambda: order(ours, seconds=plan.seconds))
            echo.run(lambda: order(theirs, seconds=plan.seconds / 2))
        echo_figure = echo.figure()
        figure = accept.figure(
            target=door.targets[connections],
            latency_target=LATENCY_TARGET,
            queue=stack.queue(),
            note=WORKERS_AWAY,
        )
    return [replace(figure, ratios={"raw ASGI": figure.value / echo_figure.value}), echo_figure]


def _baseline(baseline: comparison.Baseline, plan: Plan) -> Figure:
    with load(baseline.port, 16, requests.rest_send(), expect='"QUEUED"') as generator:
        order(generator, seconds=plan.warm_up)
        series = Series(
            name="baseline: REST send, 16 connections", processes=lambda: {**baseline.pids(), "load": generator.pid}
        )
        for _ in range(plan.runs):
            series.run(lambda: order(generator, seconds=plan.seconds))
    return series.figure(note=WORKERS_AWAY)


def _while_dispatching(stack: Stack, door: Door, plan: Plan) -> Figure:
    with load(stack.port, 16, door.request, expect='"QUEUED"', status=door.status) as ours:
        order(ours, seconds=plan.warm_up)
        series = Series(
            name=f"{door.name}, 16 connections, while a worker dispatches", processes=_with_load(stack, ours)
        )
        series.run(lambda: order(ours, seconds=plan.seconds))
        return series.figure(queue=stack.queue())


def _with_load(stack: Stack, generator: Ordered) -> Callable[[], dict[str, int]]:
    return lambda: {**stack.pids(), "load": generator.pid}
