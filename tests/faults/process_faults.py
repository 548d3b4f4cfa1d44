"""Faults of processes: killed at a named point or at any time, frozen past their leases, stopped in good order."""

import signal
import statistics

from devstack import signals
from tests.faults.scene import Scene
from tests.faults.settled import unsettled
from tests.faults.stack import FaultStack, freeze, is_frozen
from tests.faults.waiting import happens, wait_until

# Point → the first pass that may be struck, and how many messages it takes to be sure of one more. Beat makes workers
# pass the last point now and then without any work.
PASSES = {
    "claimed": (1, 80),
    "request_sent": (1, 80),
    "answered": (1, 80),
    "recorded": (1, 80),
    "applied_receipts": (3, 50),
}
FIRES_WITHIN = 10  # seconds after the load
LONGEST_HOLD = 16.0  # seconds that a vanished worker may keep its row locks from everybody else
SLOWEST_ACCEPT = 0.25  # seconds, half of all; there is no worker, so nothing may slow it down


def arm(scene: Scene, point: str, action: str) -> None:
    """Arm a fault point of the first worker."""
    first, messages = PASSES[point]
    fault = f"{point}:{action}:{scene.rng.randint(first, max(first, first - 1 + len(scene.plan.messages) // messages))}"
    scene.facts["fault"] = fault
    scene.stack.arm(fault)


def killed_worker(scene: Scene) -> None:
    """Wait for the armed worker to die, and start it anew after a while."""
    worker = scene.stack.worker
    if not _fires(scene, lambda: not worker.is_running):
        return
    scene.lasts(0.0, 1.5)
    scene.stack.disarm()
    scene.is_over()


def frozen_worker(scene: Scene) -> None:
    """Wait for the armed worker to freeze, and thaw it when its lease has passed."""
    worker = scene.stack.worker
    if not _fires(scene, lambda: is_frozen(worker)):
        return
    scene.lasts(scene.stack.lease + 1.0, 3 * scene.stack.lease + 1.0)
    worker.send(signal.SIGCONT)
    scene.is_over()


def _fires(scene: Scene, condition) -> bool:
    load = scene.load
    assert load is not None
    happens(lambda: condition() or load.done, within=90)
    fired = happens(condition, within=FIRES_WITHIN)
    scene.facts["fired"] = fired
    if fired:
        scene.strikes()
    else:
        scene.problems.append("the fault point was never reached: this run proves nothing")
    return fired


def frozen_any_time(scene: Scene) -> None:
    """Freeze a worker wherever it is, past its lease, and thaw it."""
    worker = scene.rng.choice(scene.stack.workers)
    scene.wait_for_some()
    scene.strikes()
    freeze(worker)
    scene.lasts(scene.stack.lease + 1.0, 3 * scene.stack.lease + 1.0)
    worker.send(signal.SIGCONT)
    scene.is_over()


def frozen_in_transaction(scene: Scene) -> None:
    """Freeze a worker that holds locks, as a machine that vanishes without a word would, and thaw it late."""
    worker, stack = scene.stack.worker, scene.stack
    scene.wait_for_some(last=0.3)
    load = scene.load
    assert load is not None
    while not load.done:
        freeze(worker)
        if _is_in_transaction(stack):
            break
        worker.send(signal.SIGCONT)
        signals.pause(scene.rng.uniform(0.0, 0.01))
    else:
        scene.problems.append("the worker was never caught in a transaction: this run proves nothing")
        return
    scene.strikes()
    scene.lasts(LONGEST_HOLD + 2.0, LONGEST_HOLD + 4.0)
    left = scene.facts["left_meanwhile"] = unsettled(stack, scene.plan.name)
    if left:
        scene.problems.append(f"one frozen worker held up the others: {left} were left until it was thawed")
    worker.send(signal.SIGCONT)
    scene.is_over()


def _is_in_transaction(stack: FaultStack) -> bool:
    """Whether a session holds row locks and does nothing, twice in a row: its client is frozen."""
    held = (
        "SELECT pid, xact_start FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xid IS NOT NULL"
    )
    before = set(stack.query(held))
    signals.pause(0.05)
    return bool(before & set(stack.query(held)))


def killed_web(scene: Scene) -> None:
    """Kill -9 web among its requests, and start it anew."""
    scene.wait_for_some()
    scene.strikes()
    scene.stack.web.kill()
    scene.lasts(0.0, 1.0)
    scene.stack.web.start()
    scene.is_over()


def killed_beat(scene: Scene) -> None:
    """Kill -9 beat, and start it anew after a while."""
    scene.wait_for_some()
    scene.strikes()
    scene.stack.beat.kill()
    scene.lasts(1.0, 4.0)
    scene.stack.beat.start()
    scene.is_over()


def no_workers(scene: Scene) -> None:
    """Stop all workers in good order: the queue grows while accept keeps its speed; then it drains."""
    scene.wait_for_some(last=0.4)
    scene.strikes()
    assert scene.load is not None
    before = len(scene.load.seconds)
    for worker in scene.stack.workers:
        worker.send(signal.SIGTERM)
    scene.lasts(3.0, 6.0)
    median = statistics.median(scene.load.seconds[before:] or [0.0])
    scene.facts["accept_ms"] = round(median * 1000, 1)
    if median > SLOWEST_ACCEPT:
        scene.problems.append(f"half of the accepts took longer than {median:.3f} s while no worker ran")
    for worker in scene.stack.workers:
        worker.stop(within=20)
        worker.start()
    scene.is_over()


def rolling_restart(scene: Scene) -> None:
    """Replace web and both workers one after the other under load, as an upgrade does."""
    stack = scene.stack
    front = stack.links["front"]
    scene.wait_for_some(last=0.2)
    scene.strikes()
    stack.spare.start()
    stack.wait_for_web(stack.spare_port)
    front.backends = (stack.port, stack.spare_port)
    for child, port, other in ((stack.web, stack.port, stack.spare_port), (stack.spare, stack.spare_port, stack.port)):
        front.backends = (other,)
        child.send(signal.SIGTERM)
        wait_until(lambda child=child: not child.is_running, within=20, what=f"{child.name} ends")
        scene.facts[f"{child.name}_ended"] = child.how_it_ended()
        if child is stack.web:
            child.start()
            stack.wait_for_web(port)
    for worker in stack.workers:
        worker.send(signal.SIGTERM)
        wait_until(lambda worker=worker: not worker.is_running, within=20, what=f"{worker.name} ends")
        worker.start()
        stack.wait_for_worker(worker)
    scene.is_over()
    assert scene.load is not None
    scene.facts["most_tries"] = scene.load.most_tries
    if scene.load.most_tries > 2:
        scene.problems.append(f"a client had to try {scene.load.most_tries} times")
