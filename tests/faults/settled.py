"""Whether anything still has to happen after a run."""

from contextlib import suppress

from tests.faults.plan import ENDS
from tests.faults.stack import FaultStack
from tests.http import call

OPEN = """
SELECT m.status || CASE WHEN d.lease IS NULL THEN '' ELSE ' leased' END, count(*)
FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
WHERE m.text LIKE %s AND NOT (m.status = %s AND m.recipient = %s) GROUP BY 1
"""


def unsettled(stack: FaultStack, name: str) -> dict[str, int]:
    """Return what still has to happen: open messages, receipts that wait, receipts that the simulator has to send."""
    silent = next(fate for fate in ENDS if ENDS[fate] == "SENT")
    left: dict[str, int] = {}
    with suppress(Exception):  # while PostgreSQL is down nobody can tell
        left = dict(stack.query(OPEN, f"{name} %", "SENT", f"+2332000009{silent}"))
        ((receipts,),) = stack.query("SELECT count(*) FROM sms_receipt WHERE processed_at IS NULL")
        to_send = call("GET", f"{stack.simulator_url}/healthz").json()["open"]
        left |= {name: number for name, number in (("receipts", receipts), ("receipts to send", to_send)) if number}
        return left
    return left | {"unknown": 1}


WAITING = """
SELECT r.provider_reference, r.client_reference::text, r.provider_status, r.tries,
       extract(epoch FROM r.due_at - now())::int, m.text, m.status, a.number, a.outcome
FROM sms_receipt r
LEFT JOIN sms_submitattempt a ON a.provider_reference = r.provider_reference
LEFT JOIN sms_message m ON m.id = a.message_id
WHERE r.processed_at IS NULL LIMIT 10
"""


def waiting_receipts(stack: FaultStack) -> list[tuple]:
    """Return a few receipts that wait, and what they wait for."""
    return stack.query(WAITING)
