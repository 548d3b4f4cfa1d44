"""`python -m benchmarks.listing`: how long a page takes, by what is asked for, among a million messages."""

import http.client
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlencode

from benchmarks import command, requests
from benchmarks.figures import AT_MOST, Figure
from benchmarks.percentiles import spread
from benchmarks.plan import Plan
from benchmarks.seed import MILLION, NEIGHBOUR_KEY, NEIGHBOURS_RECIPIENT, SHARED_REFERENCE, seed
from benchmarks.stack import Benchmark, Stack
from devstack import screen

PAGES = 200  # a run
SLOWEST = 20.0  # ms
FULL = """{ messages(first: 100) { nodes {
  id recipient status events { sequence status occurredAt } attempts { number outcome } } } }"""

Query = Mapping[str, object]


def anywhere() -> Query:
    """Somewhere in the last month, so that it is not always the same rows."""
    return {"created_before": (datetime.now(UTC) - timedelta(days=random.uniform(0, 29))).isoformat()}


def to_anyone() -> Query:
    """Some number of the demo account's, as `benchmarks.seed` makes them."""
    return {"recipient": f"+23320{random.randrange(1_000_000, 1_999_983)}"}


def labelled() -> Query:
    """Some reference that one message has."""
    return {"client_reference": f"order-{random.randrange(MILLION // 10) * 10 + 1}"}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Something to ask for: what is always the same, and what is drawn."""

    name: str
    same: Query
    drawn: Callable[[], Query] = dict
    key: str = requests.API_KEY


RARE: Query = {"status": "FAILED"}  # no message is
CROWDED: Query = {"recipient": NEIGHBOURS_RECIPIENT}
SHARED: Query = {"client_reference": SHARED_REFERENCE}
KINDS = (
    Kind(name="the newest 50", same={}),
    Kind(name="the newest 100", same={"limit": 100}),
    Kind(name="before a time", same={}, drawn=anywhere),
    Kind(name="a status that all have", same={"status": "DELIVERED"}, drawn=anywhere),
    Kind(name="a status that none has", same=RARE, drawn=anywhere),
    Kind(name="the same, for an account with one row in fifty", same=RARE, drawn=anywhere, key=NEIGHBOUR_KEY),
    Kind(name="a sender ID that none has", same={"sender_id": "Nobody"}, drawn=anywhere),
    Kind(name="sent with a test key, which none is", same={"test": "true"}, drawn=anywhere),
    Kind(name="a number", same={}, drawn=to_anyone),
    Kind(name="a number that only another account sends to", same=CROWDED),
    Kind(name="that number, for that account", same=CROWDED, drawn=anywhere, key=NEIGHBOUR_KEY),
    Kind(name="and a status that none has", same={**CROWDED, **RARE}, drawn=anywhere, key=NEIGHBOUR_KEY),
    Kind(name="a reference", same={}, drawn=labelled),
    Kind(name="a reference that a tenth has", same=SHARED, drawn=anywhere),
    Kind(name="and a status that none has, too", same={**SHARED, **RARE}, drawn=anywhere),
)


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Store a million messages, and measure the lists."""
    seed(stack.environment["DATABASE_URL"], MILLION // plan.small, tell=screen.say)
    return lists(stack, plan)


def lists(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure every kind of list, one page after the other on one connection, at the client."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    try:
        figures = [_figure(kind.name, plan, partial(_get, connection, kind), slowest=SLOWEST) for kind in KINDS]
        full = "the newest 100 by GraphQL, with histories and attempts"
        return [*figures, _figure(full, plan, partial(_post, connection), slowest=None)]
    finally:
        connection.close()


def _figure(name: str, plan: Plan, ask: Callable[[], None], *, slowest: float | None) -> Figure:
    ask()  # the first one of a kind looks at what then is known
    runs = [[_timed(ask) for _ in range(max(PAGES // plan.small, 2))] for _ in range(plan.runs)]
    return Figure(
        name=f"page: {name}",
        unit="ms (p50)",
        runs=[one["p50"] for run in runs if (one := spread(run)) is not None],
        target=slowest,
        sense=AT_MOST,
        latency=spread(took for run in runs for took in run),
        latency_target=slowest,
    )


def _timed(ask: Callable[[], None]) -> float:
    begun = time.perf_counter()
    ask()
    return time.perf_counter() - begun


def _get(connection: http.client.HTTPConnection, kind: Kind) -> None:
    path = f"/api/messages/?{urlencode({**kind.same, **kind.drawn()})}"
    connection.request("GET", path, headers={"Authorization": f"Bearer {kind.key}"})
    _check(connection, '"messages"')


def _post(connection: http.client.HTTPConnection) -> None:
    headers = {"Authorization": f"Bearer {requests.API_KEY}", "Content-Type": "application/json"}
    connection.request("POST", "/graphql/", json.dumps({"query": FULL}), headers)
    _check(connection, '"data"')


def _check(connection: http.client.HTTPConnection, expected: str) -> None:
    answer = connection.getresponse()
    body = answer.read().decode()
    assert answer.status == 200 and expected in body, f"{answer.status}: {body[:200]}"  # noqa: PT018


BENCHMARK = Benchmark(measure=measure, worker=False)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
