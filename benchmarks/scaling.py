"""`python -m benchmarks.scaling`: one, two and four workers, and one and two web processes, on this one machine."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import cast

from benchmarks import command, requests
from benchmarks.dispatching import empty_queue
from benchmarks.figures import Figure
from benchmarks.floors import listens
from benchmarks.load.run import Result
from benchmarks.measure import Series, load, order
from benchmarks.orders import Ordered
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack
from devstack import signals
from devstack.processes import Child, free_port

WORKERS = (1, 2, 4)
MESSAGES = 8_000
CONNECTIONS = 64
STARTED_WITHIN = 4.0  # seconds that a further worker gets before anything is measured


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure workers with a provider that is slow and takes one message a request; then web processes."""
    return [*_workers(stack, plan), *_webs(stack, plan)]


def _workers(stack: Stack, plan: Plan) -> list[Figure]:
    figures = []
    with ExitStack() as further:
        names: dict[str, Child] = {}
        for count in WORKERS:
            while len(names) < count - 1:
                name = f"worker {len(names) + 2}"
                names[name] = further.enter_context(_running(stack.child(name, "-m", "config.worker")))
            signals.pause(STARTED_WITHIN)
            series = Series(
                name=f"dispatch, one request a message, 50 ms, {count} workers",
                processes=lambda: stack.pids() | {name: child.pid for name, child in names.items()},
            )
            empty_queue(stack, MESSAGES // plan.small // 4)
            for _ in range(plan.runs):
                series.run(lambda: empty_queue(stack, MESSAGES // plan.small))
            figures.append(series.figure(queue=stack.queue()))
    return figures


def _webs(stack: Stack, plan: Plan) -> list[Figure]:
    port = free_port()
    second = stack.child("web 2", "-m", "config.serve")
    second.env = {**(second.env or {}), "PORT": str(port)}
    figures = []
    with ExitStack() as both:
        both.enter_context(_running(second))
        while not listens(port):
            signals.pause(0.1)
        stack.worker.stop()
        generators = [
            both.enter_context(load(one, CONNECTIONS // 2, requests.rest_send(), expect='"QUEUED"'))
            for one in (stack.port, port)
        ]
        for generator in generators:
            order(generator, seconds=plan.warm_up)
        for some in (generators[:1], generators):
            series = Series(
                name=f"REST send, {len(some)} web processes, {CONNECTIONS // 2} connections each",
                processes=lambda: {**stack.pids(), "web 2": second.pid},
            )
            for _ in range(plan.runs):
                series.run(partial(_together, some, seconds=plan.seconds))
            figures.append(series.figure(note="no worker runs meanwhile"))
    stack.start([stack.worker])
    stack.drain()
    return figures


def _together(generators: Sequence[Ordered], *, seconds: float) -> Result:
    """Let all send at the same time, and add up what they did; the latency is the first one's."""
    for generator in generators:
        generator.begin(seconds=seconds, count=None, rate=None)
    results = [cast("Result", generator.finish()) for generator in generators]
    assert not any(result["unexpected"] for result in results), results
    return {
        "answered": sum(result["answered"] for result in results),
        "unexpected": {},
        "seconds": max(result["seconds"] for result in results),
        "latency": results[0]["latency"],
    }


@contextmanager
def _running(child: Child) -> Iterator[Child]:
    child.start()
    try:
        yield child
    finally:
        child.stop(within=15)


BENCHMARK = Benchmark(measure=measure, provider=Provider(batches=False, latency=0.05))

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
