"""Processes that are told to stop while they have work in hand."""

import signal
import time

from devstack import signals
from tests.faults.scene import Scene
from tests.faults.stack import FaultStack, freeze
from tests.faults.waiting import wait_until

LEASED = "SELECT count(*) FROM sms_dispatchentry WHERE lease IS NOT NULL"
SLOW_COMMITS = 0.1  # seconds for each piece between web and the database
ENDS_WITHIN = 20


def web_stopped(scene: Scene) -> None:
    """SIGTERM web while its requests wait for a slow commit; a spare one is there, and nobody was told before."""
    stack = scene.stack
    front, database = stack.links["front"], stack.links["database"]
    scene.wait_for_some(last=0.3)
    stack.spare.start()
    stack.wait_for_web(stack.spare_port)
    front.backends = (stack.port, stack.spare_port)
    database.delay = SLOW_COMMITS
    scene.strikes()
    begun = time.monotonic()
    stack.web.send(signal.SIGTERM)
    wait_until(lambda: not stack.web.is_running, within=ENDS_WITHIN, what="web ends")
    scene.facts |= {"web_ended": stack.web.how_it_ended(), "web_took": round(time.monotonic() - begun, 2)}
    database.delay = 0.0
    front.backends = (stack.spare_port,)
    stack.web.start()
    stack.wait_for_web(stack.port)
    front.backends = (stack.port, stack.spare_port)
    scene.is_over()


def nobody_noticed(scene: Scene) -> None:
    """Every client was answered at its first try, or, where its connection was just being closed, at its second."""
    load = scene.load
    assert load is not None
    scene.facts |= {"most_tries": load.most_tries, "no_answer": load.no_answers}
    if load.most_tries > 2 or load.no_answers.get("503"):
        scene.problems.append(f"a client had to try {load.most_tries} times: {load.no_answers}")


def stop_second_worker(scene: Scene) -> None:
    """Leave one worker, so that every lease is its own."""
    worker = scene.stack.workers[1]
    worker.send(signal.SIGTERM)
    wait_until(lambda: not worker.is_running, within=ENDS_WITHIN, what=f"{worker.name} ends")


def worker_stopped(scene: Scene) -> None:
    """SIGTERM the only worker while its provider is slow, or silent: no lease is left to pass, and others go on."""
    stack = scene.stack
    is_silent = scene.seed % 2 == 0
    scene.facts["provider"] = "silent" if is_silent else "slow"
    scene.wait_for_some(last=0.4)
    if is_silent:
        freeze(stack.simulator)
    else:
        stack.links["provider"].delay = scene.rng.uniform(0.4, 0.8)
    leased = _wait_for_leases(stack)
    stack.worker.send(signal.SIGTERM)
    begun = time.monotonic()
    scene.strikes()
    wait_until(lambda: not stack.worker.is_running, within=ENDS_WITHIN, what="the worker ends")
    left = stack.query(LEASED)[0][0]
    scene.facts |= {
        "leased_at_sigterm": leased,
        "leases_left": left,
        "worker_ended": stack.worker.how_it_ended(),
        "worker_took": round(time.monotonic() - begun, 2),
    }
    if left or not leased:
        scene.problems.append(f"{leased} leases at SIGTERM, {left} left afterwards")
    stack.simulator.send(signal.SIGCONT)
    stack.links["provider"].delay = 0.0
    for worker in stack.workers:
        worker.start()
    scene.is_over()


def _wait_for_leases(stack: FaultStack) -> int:
    """Return how many messages a worker has in hand, as soon as it has some; 0 if it never has."""
    end = time.monotonic() + 10
    while not (leased := stack.query(LEASED)[0][0]) and time.monotonic() < end:
        signals.pause(0.01)
    return leased
