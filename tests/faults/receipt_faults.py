"""Faults of receipts: some that cannot be applied, and some that come twice, too early, and in any order."""

import subprocess
import sys

from tests.faults import process_faults
from tests.faults.plan import OURS
from tests.faults.scene import Scene
from tests.faults.stack import FaultStack
from tests.faults.waiting import happens
from tests.stack import ROOT

POISONED = 20  # messages
BURSTS = 5
SENT_WITHIN = 30  # seconds
SET_ASIDE_WITHIN = 60
REPLAYED_WITHIN = 30
LONGEST_WAIT = 10.0  # seconds for a good receipt; the tries of a poison one take twice as long
LONGEST_ANSWER = 0.3  # seconds that each piece on its way from and to the provider may take

NO_WORD = "GARBLED"  # a status that only a bug in an adapter can store
ERROR = f"ValueError: '{NO_WORD}' is not a valid Status"
SENT = """
SELECT a.provider_reference FROM sms_submitattempt a JOIN sms_message m ON m.id = a.message_id
WHERE m.text LIKE %s AND m.status = 'SENT' ORDER BY m.id
"""
INSERT = """
INSERT INTO sms_receipt (provider, provider_reference, provider_status, status, body, tries)
SELECT 'simulator', reference, %s, %s, '{}', 0 FROM unnest(%s) AS reference RETURNING id
"""
STATES = "SELECT coalesce(outcome, 'none'), tries, error, count(*) FROM sms_receipt WHERE id = ANY(%s) GROUP BY 1, 2, 3"
# Of those that found their message at the first look, or were not looked at yet.
SLOWEST = """
SELECT coalesce(max(extract(epoch FROM coalesce(r.processed_at, now()) - r.received_at)), 0)::float8
FROM sms_receipt r JOIN sms_submitattempt a ON a.provider_reference = r.provider_reference
JOIN sms_message m ON m.id = a.message_id WHERE m.text LIKE %s AND r.tries = 0
"""
ENDED_BEFORE_THE_ANSWER = """
SELECT count(*) FROM sms_messageevent e JOIN sms_message m ON m.id = e.message_id
WHERE m.text LIKE %s AND e.sequence = 3 AND e.status IN ('DELIVERED', 'UNDELIVERED', 'EXPIRED')
"""


def poisoned(scene: Scene) -> None:
    """Put receipts that cannot be applied among the good ones; when they are set aside, mend and replay them."""
    references = _send_poisoned(scene)
    receipts: list[int] = []
    for number, share in enumerate(sorted(scene.rng.uniform(0.1, 0.9) for _ in range(BURSTS))):
        scene.wait_for_accepted(share)
        if scene.begun_at is None:
            scene.strikes()
        rows = scene.stack.query(INSERT, NO_WORD, NO_WORD, references[number::BURSTS])
        receipts += [receipt for (receipt,) in rows]
    scene.is_over()
    _are_set_aside(scene, receipts)
    _are_listed(scene, receipts)
    ((slowest,),) = scene.stack.query(SLOWEST, f"{scene.plan.name} %")
    scene.facts["slowest_good"] = round(slowest, 2)
    if slowest > LONGEST_WAIT:
        scene.problems.append(f"a good receipt waited {slowest:.1f} s beside poison")
    _are_replayed(scene, receipts)


def _send_poisoned(scene: Scene) -> list[str]:
    """Send messages about which nobody else reports, and return the provider's references of them."""
    stack, name = scene.stack, f"poisoned in {scene.plan.name}"
    for number in range(POISONED):
        stack.send(recipient=f"2332000009{OURS}", text=f"{name} {number}")
    if not happens(lambda: len(stack.query(SENT, f"{name} %")) == POISONED, within=SENT_WITHIN, every=0.1):
        scene.problems.append(f"after {SENT_WITHIN} s not all of the {POISONED} messages were sent")
    return [reference for (reference,) in stack.query(SENT, f"{name} %")]


def _are_set_aside(scene: Scene, receipts: list[int]) -> None:
    wanted = [("FAILED", 5, ERROR, POISONED)]
    if not happens(lambda: scene.stack.query(STATES, receipts) == wanted, within=SET_ASIDE_WITHIN, every=0.2):
        found = scene.stack.query(STATES, receipts)
        scene.problems.append(f"after {SET_ASIDE_WITHIN} s the poison receipts are {found}, not {wanted}")


def _are_listed(scene: Scene, receipts: list[int]) -> None:
    listed = _manage(scene.stack, "list", "--state", "set-aside", "--limit", "1000").splitlines()
    found = {int(line.split()[0]) for line in listed if line.endswith(ERROR)}
    if found != set(receipts):
        scene.problems.append(f"set aside are {sorted(receipts)}, listed are {sorted(found)}")


def _are_replayed(scene: Scene, receipts: list[int]) -> None:
    stack = scene.stack
    stack.query("UPDATE sms_receipt SET status = 'DELIVERED' WHERE id = ANY(%s) RETURNING id", receipts)
    said = scene.facts["replayed"] = _manage(stack, "replay", "--state", "set-aside").strip()
    wanted = [("APPLIED", 0, None, POISONED)]
    if not happens(lambda: stack.query(STATES, receipts) == wanted, within=REPLAYED_WITHIN, every=0.2):
        scene.problems.append(f"replayed ({said}), they are {stack.query(STATES, receipts)}, not {wanted}")


def _manage(stack: FaultStack, *words: str) -> str:
    command = [sys.executable, "manage.py", "receipts", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=stack.environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def disordered(scene: Scene) -> None:
    """Hold back the provider's answers, so that its receipts come first, and let a worker die among them."""
    link, load = scene.stack.links["provider"], scene.load
    assert load is not None
    link.delay = scene.rng.uniform(0.3, 1.0) * LONGEST_ANSWER
    scene.facts["delay"] = round(link.delay, 3)
    process_faults.killed_worker(scene)
    happens(lambda: load.done, within=60)
    link.delay = 0.0
    scene.is_over()
    ((early,),) = scene.stack.query(ENDED_BEFORE_THE_ANSWER, f"{scene.plan.name} %")
    scene.facts["ended_before_the_answer"] = early
    if not early:
        scene.problems.append("no receipt came before the answer to its submit: this run proves nothing")
