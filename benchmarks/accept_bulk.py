"""`python -m benchmarks.accept_bulk`: 500 messages a request, through GraphQL and REST, into one web process."""

from dataclasses import replace

from benchmarks import command, floors, requests
from benchmarks.figures import Figure
from benchmarks.living import Sending
from benchmarks.measure import Series, order
from benchmarks.orders import Ordered
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Stack

CONNECTIONS = 4
TARGET = 15_000
ACCEPTED = f'"accepted":{requests.BATCH}'
DOORS = {
    "GraphQL sendMessages": Sending(
        connections=CONNECTIONS,
        request=requests.graphql_send_many(),
        expect=ACCEPTED,
        status=200,
        messages=requests.BATCH,
    ),
    "REST batch": Sending(
        connections=CONNECTIONS, request=requests.rest_send_many(), expect=ACCEPTED, messages=requests.BATCH
    ),
}


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure both doors beside what one client can insert in statements of 1,000 rows."""
    figures = [one for name, sending in DOORS.items() for one in _beside_floor(name, sending, stack, plan)]
    stack.start([stack.worker])
    stack.drain()
    return figures


def _beside_floor(name: str, sending: Sending, stack: Stack, plan: Plan) -> list[Figure]:
    with sending.load(stack) as generator:
        order(generator, seconds=plan.warm_up)
        pids = lambda: {**stack.pids(), "load": generator.pid}  # noqa: E731  it is passed on once
        series = Series(name=f"{name}, {requests.BATCH} a request, {sending.connections} connections", processes=pids)
        rates = []
        for _ in range(plan.runs):
            series.run(lambda: _run(sending, generator, plan))
            rates.append(floors.batched_inserts(stack, plan))
    floor = Figure(name=f"reference: INSERT of {floors.BATCH:,} rows at once, beside {name}", unit="rows/s", runs=rates)
    figure = series.figure(target=TARGET, queue=stack.queue(), note="no worker runs meanwhile")
    return [replace(figure, ratios={"INSERT": figure.value / floor.value}), floor]


def _run(sending: Sending, generator: Ordered, plan: Plan) -> object:
    return sending.as_messages(order(generator, seconds=plan.seconds / 3))  # a worker has to empty the queue


BENCHMARK = Benchmark(measure=measure, worker=False)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
