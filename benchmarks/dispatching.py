"""What the two dispatch benchmarks share: a full queue, and how fast one worker empties it."""

from typing import Any

from benchmarks import fill, requests
from benchmarks.figures import Figure
from benchmarks.measure import Series, load, order
from benchmarks.plan import Plan
from benchmarks.stack import Stack

# From the first claim to the last record, by the database's clock.
SPAN = """
SELECT extract(epoch FROM max(finished_at) - min(started_at))::float8
FROM sms_submitattempt WHERE id >= %(since)s
"""
MARK = "SELECT uuidv7()::text"


def measure_dispatch(name: str, stack: Stack, plan: Plan, *, messages: int, target: float) -> list[Figure]:
    """Fill the queue and let the worker empty it, several times."""
    series = Series(name=name, processes=stack.pids)
    empty_queue(stack, max(messages // plan.small // 4, 20))  # warms up
    for _ in range(plan.runs):
        series.run(lambda: empty_queue(stack, messages // plan.small))
    figure = series.figure(target=target, queue=stack.queue())
    return [figure]


def empty_queue(stack: Stack, count: int) -> dict[str, Any]:
    """Fill the queue, wait until the workers have emptied it, and return how long that took by their own records."""
    ((since,),) = stack.query(MARK)
    fill.queued(stack, count)
    nudge(stack)
    stack.drain()
    ((seconds,),) = stack.query(SPAN, {"since": since})
    return {"answered": count + 1, "seconds": seconds, "latency": None}


def nudge(stack: Stack) -> None:
    """Make the worker look, as any accepted message does."""
    with load(stack.port, 1, requests.rest_send()) as generator:
        order(generator, count=1)
