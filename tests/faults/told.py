"""How long subscribers who stayed connected waited for a change, from its commit to its arrival."""

from collections.abc import Sequence

from tests.faults.stack import FaultStack
from tests.faults.subscribers import Followed

OCCURRED = """
SELECT message_id::text, sequence, extract(epoch FROM occurred_at)::float8
FROM sms_messageevent WHERE message_id = ANY(%s::uuid[]) AND sequence IS NOT NULL
"""


def longest_wait(stack: FaultStack, followed: Sequence[Followed]) -> float:
    """Return the longest wait in seconds; what happened before its subscription began is a replay and no wait."""
    rows = stack.query(OCCURRED, [one.message_id for one in followed])
    occurred = {(message_id, sequence): at for message_id, sequence, at in rows}
    waits = [
        heard_at - occurred[one.message_id, sequence]
        for one in followed
        for (sequence, _), (since, heard_at) in zip(one.events, one.heard, strict=True)
        if occurred[one.message_id, sequence] > since
    ]
    return round(max(waits, default=0.0), 2)
