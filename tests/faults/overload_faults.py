"""More work than a part can do: the database, the provider or the workers stand still while requests keep coming."""

import os
import random
import signal
import statistics
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from devstack import signals
from tests.faults.flood import Flood, Try, summary
from tests.faults.memory import MB, family, of_process
from tests.faults.plan import USUAL
from tests.faults.scene import Scene
from tests.faults.stack import FaultStack, freeze
from tests.faults.waiting import happens, wait_until

FLOOD = 2_000  # messages, besides the usual ones
FLOOD_RATE = 400.0  # new ones a second, four times the usual; every refusal comes back
# A request waits 2 s for its turn and 5 s for an answer (`sms.threads`); and as long as /healthz, which waits for
# nothing: the machine has other things to do.
ANSWERED_WITHIN = 8.0
URGENT, BULK = 1, 9
URGENT_SHARE = 20  # one message in so many, the last ones
SLOWER_AT_MOST = 5.0  # times; a machine is noisy, and a stall that is felt is felt a hundredfold
SLACK = 0.05
MAY_GROW = 15  # MB


@contextmanager
def frozen_postgres(stack: FaultStack) -> Iterator[None]:
    """Freeze every process of PostgreSQL: connections stay open, and nothing answers."""
    assert stack.postgres.child is not None
    processes = family(stack.postgres.child.pid)  # the postmaster first, so that it makes no more of them
    try:
        _send(signal.SIGSTOP, processes)
        yield
    finally:
        _send(signal.SIGCONT, processes)


def _send(number: int, processes: list[int]) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):  # autovacuum's come and go
            os.kill(pid, number)


def stalled_database(scene: Scene) -> None:
    """Freeze PostgreSQL while several times the usual load is offered from many connections."""
    stack = scene.stack
    recipient = next(one.recipient for one in scene.plan.messages if one.fate == USUAL)
    name = f"{scene.plan.name} flood"
    flood = Flood(stack.url, stack.api_key, name, recipient, FLOOD, FLOOD_RATE, random.Random(scene.rng.random()))
    scene.wait_for_some(last=0.3)
    flooding = stack.background.start(flood.run())
    signals.pause(scene.rng.uniform(0.2, 1.0))
    scene.strikes()
    with frozen_postgres(stack):
        scene.lasts(6.0, 9.0)
    scene.is_over()
    flooding.result(120)
    scene.facts |= {"flood": summary(flood.tries)}
    scene.problems += wrong_answers(flood.tries)
    once = sum(len(ids) == 1 for ids in flood.accepted.values())
    if once != FLOOD:
        scene.problems.append(f"of {FLOOD} messages of the flood {once} were accepted, with one id each")


def wrong_answers(tries: list[Try]) -> list[str]:
    """Return a sentence for each kind of answer that nobody may get."""
    wrong = {
        f"{one.what} was answered {one.status or 'nothing'} {one.detail}"
        for one in tries
        if one.status not in {200, 202, 404, 503}
    }
    wrong |= {
        f"{one.what} was answered 503 without Retry-After" for one in tries if one.status == 503 and not one.retry_after
    }
    wrong |= {f"healthz was answered {one.status}" for one in tries if one.what == "healthz" and one.status != 200}
    limit = ANSWERED_WITHIN + max((one.seconds for one in tries if one.what == "healthz"), default=0.0)
    if slow := [one.seconds for one in tries if one.seconds > limit]:
        wrong.add(f"{len(slow)} answers took more than {limit:.1f} s, one {max(slow):.1f}")
    if not any(one.status == 503 for one in tries):
        wrong.add("nothing was refused: this run proves nothing")
    return sorted(wrong)


def flood_arrived(scene: Scene) -> None:
    """Every message of the flood came to its end, once."""
    sql = "SELECT status, count(*), count(DISTINCT text) FROM sms_message WHERE text LIKE %s GROUP BY 1"
    found = scene.stack.query(sql, f"{scene.plan.name} flood %")
    if found != [("DELIVERED", FLOOD, FLOOD)]:
        scene.problems.append(f"of {FLOOD} messages of the flood there are {found}")


def stalled_provider(scene: Scene) -> None:
    """Freeze the simulator for longer than anyone waits for it: accept must not feel it."""
    load = scene.load
    assert load is not None
    scene.wait_for_some(first=0.2, last=0.3)
    before = len(load.seconds)
    scene.strikes()
    freeze(scene.stack.simulator)
    scene.lasts(5.0, 7.0)
    during = load.seconds[before:]
    scene.stack.simulator.send(signal.SIGCONT)
    scene.is_over()
    usual, then = (statistics.median(seconds or [9.9]) for seconds in (load.seconds[:before], during))
    scene.facts |= {"accept_ms": [round(usual * 1000, 1), round(then * 1000, 1)], "accepted_meanwhile": len(during)}
    if then > SLOWER_AT_MOST * usual + SLACK:
        scene.problems.append(f"half of the accepts took longer than {then:.3f} s while the provider stood still")


def stop_workers(scene: Scene) -> None:
    """Stop all workers in good order, so that everything queues up."""
    for worker in scene.stack.workers:
        worker.send(signal.SIGTERM)
    for worker in scene.stack.workers:
        wait_until(lambda worker=worker: not worker.is_running, within=20, what=f"{worker.name} ends")


def long_queue(scene: Scene) -> None:
    """Let a queue grow, make the last of it urgent, and start the workers."""
    load, stack = scene.load, scene.stack
    assert load is not None
    scene.strikes()
    wait_until(lambda: load.done, within=150, what="everything is queued")
    last = len(scene.plan.messages) - len(scene.plan.messages) // URGENT_SHARE
    urgent = [message_id for number, message_id in load.accepted.items() if number >= last]
    sql = (
        "UPDATE sms_dispatchentry d SET priority = CASE WHEN m.id = ANY(%s::uuid[]) THEN %s ELSE %s END "
        "FROM sms_message m WHERE m.id = d.message_id AND m.text LIKE %s RETURNING d.priority"
    )
    set_to = [row[0] for row in stack.query(sql, urgent, URGENT, BULK, f"{scene.plan.name} %")]
    scene.facts |= {"urgent": set_to.count(URGENT), "bulk": set_to.count(BULK), "urgent_ids": urgent}
    for worker in stack.workers:
        worker.start()
    scene.is_over()


# Which bulk attempts had ended before the last urgent one began. Sets that are claimed in the same moment share the
# urgent ones among them; nothing of a later set may have been sent before.
OVERTAKEN = """
SELECT count(*) FROM sms_submitattempt a JOIN sms_message m ON m.id = a.message_id
WHERE m.text LIKE %s AND NOT (m.id = ANY(%s::uuid[])) AND a.finished_at < (
    SELECT max(started_at) FROM sms_submitattempt WHERE number = 1 AND message_id = ANY(%s::uuid[])
)
"""


def urgent_went_first(scene: Scene) -> None:
    """No bulk message was handed over before the last urgent one was in a worker's hands."""
    urgent = scene.facts.pop("urgent_ids")
    ((earlier,),) = scene.stack.query(OVERTAKEN, f"{scene.plan.name} %", urgent, urgent)
    scene.facts["bulk_before_urgent"] = earlier
    if not urgent or earlier:
        scene.problems.append(f"{earlier} bulk messages went before the last of {len(urgent)} urgent ones")


def soak(scene: Scene) -> None:
    """A steady load for about a minute: the second half takes no more memory than the first."""
    stack, load = scene.stack, scene.load
    assert load is not None
    scene.wait_for_accepted(0.5)
    half = _sizes(stack)
    scene.strikes()
    happens(lambda: load.done, within=120)
    scene.is_over()
    end = _sizes(stack)
    scene.facts["mb_half_end"] = {name: [round(half[name] / MB), round(end[name] / MB)] for name in half}
    scene.problems += [
        f"{name} grew from {half[name] / MB:.0f} to {end[name] / MB:.0f} MB in the second half"
        for name in half
        if end[name] - half[name] > MAY_GROW * MB
    ]


def _sizes(stack: FaultStack) -> dict[str, int]:
    return {child.name: of_process(child.pid) for child in (stack.web, *stack.workers)}
