"""What readers of a feed have to have seen."""

from collections.abc import Sequence

from sms.feed_cursors import Cursor

COMMITTED = """
SELECT e.position, e.id, e.message_id, e.sequence FROM sms_messageevent e JOIN sms_account a ON a.id = e.account_id
WHERE a.name = %s AND e.sequence IS NOT NULL ORDER BY e.position, e.id
"""


def problems(seen: Sequence[tuple], committed: Sequence[tuple]) -> list[str]:
    """Say what a reader got wrong: it has to see all that was committed, each once, and each message's in order.

    `seen` are a cursor, message id and sequence each; `committed` are rows of COMMITTED.
    """
    found = []
    expected = {Cursor(position, event_id): (message, sequence) for position, event_id, message, sequence in committed}
    places = [place for place, _, _ in seen]
    if missing := expected.keys() - set(places):
        found.append(f"{len(missing)} missing")
    if extra := set(places) - expected.keys():
        found.append(f"{len(extra)} that were never committed, or are another account's")
    if len(places) > len(set(places)):
        found.append(f"{len(places) - len(set(places))} twice")
    if places != sorted(places):
        found.append("not in the order of the cursors")
    if wrong := [place for place, *event in seen if place in expected and expected[place] != tuple(event)]:
        found.append(f"{len(wrong)} that are not what was committed")
    last: dict[object, int] = {}
    for _, message_id, sequence in seen:
        if sequence < last.get(message_id, 0):
            found.append(f"change {sequence} of a message after its change {last[message_id]}")
        last[message_id] = sequence
    return found
