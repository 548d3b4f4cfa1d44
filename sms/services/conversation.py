"""Whose conversation a text from a handset is part of: that of whoever sent the last text to it.

Found by the index `message_by_recipient`, account by account and in each only among its newest messages, so that it
takes as long for a number that has had a million texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sms.database import rows
from sms.ids import HIGHEST, LOWEST

MOST_ACCOUNTS: Final = 100  # that have sent to one number
NEWEST: Final = 500  # messages of each that are looked at: some may be scheduled, and have not left yet
# What was never handed to a provider is no part of a conversation: nobody takes an answer by what he cancels.
NEVER_LEFT: Final = ("CANCELED", "FAILED", "QUEUED", "REJECTED", "SCHEDULED")

# The recursion goes from each account to the next one, by one look into the index. As in `sms.listing`, bounds compare
# whole rows and orders name columns that are the same in all of them, so that no other index fits.
FIND: Final = """
SELECT t.place, f.account_id, f.id, f.sender_id, f.is_test, a.opt_out_keywords, a.opt_in_keywords,
       CASE WHEN EXISTS (SELECT FROM sms_senderid s WHERE s.account_id = f.account_id AND s.value = f.sender_id)
            THEN a.opt_out_reply ELSE '' END
FROM unnest(%(places)s::int[], %(senders)s::text[], %(recipients)s::text[], %(written)s::text[], %(is_test)s::bool[])
     AS t (place, sender, recipient, written, is_test)
CROSS JOIN LATERAL (
    WITH RECURSIVE accounts AS (
        SELECT %(lowest)s::uuid AS account_id, 0 AS number
        UNION ALL
        SELECT (SELECT m.account_id FROM sms_message m
                WHERE (m.recipient, m.account_id) > (t.sender, o.account_id) AND m.recipient <= t.sender
                ORDER BY m.recipient, m.account_id LIMIT 1), o.number + 1
        FROM accounts o WHERE o.account_id IS NOT NULL AND o.number < %(most)s
    )
    SELECT n.* FROM accounts o CROSS JOIN LATERAL (
        SELECT m.account_id, m.id, m.sender_id, m.is_test, m.status FROM sms_message m
        WHERE (m.recipient, m.account_id, m.id) <= (t.sender, o.account_id, %(highest)s)
              AND (m.recipient, m.account_id) >= (t.sender, o.account_id)
        ORDER BY m.recipient DESC, m.account_id DESC, m.id DESC LIMIT %(newest)s
    ) n
    WHERE n.status <> ALL(%(never_left)s) AND n.is_test = coalesce(t.is_test, n.is_test)
    ORDER BY n.sender_id IN (t.recipient, t.written) DESC, n.id DESC LIMIT 1
) f
JOIN sms_account a ON a.id = f.account_id
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A text whose conversation is looked for. `is_test`: among test messages only, or others only; None: among all."""

    sender: str
    recipient: str
    written: str  # the recipient as the provider had it: a sender ID may be written so
    is_test: bool | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """The last text to a number, and what its account makes of answers."""

    account_id: UUID
    message_id: UUID
    sender_id: str
    is_test: bool
    stops: Sequence[str]
    starts: Sequence[str]
    reply: str  # to who opts out, from that sender ID; empty: none


def find(asked: Sequence[Asked]) -> list[Conversation | None]:
    """Return the conversation of each text, or None for one that nobody here began."""
    found: list[Conversation | None] = [None] * len(asked)
    for place, *columns in rows(
        FIND,
        places=list(range(len(asked))),
        senders=[one.sender for one in asked],
        recipients=[one.recipient for one in asked],
        written=[one.written for one in asked],
        is_test=[one.is_test for one in asked],
        lowest=LOWEST,
        highest=HIGHEST,
        most=MOST_ACCOUNTS,
        newest=NEWEST,
        never_left=list(NEVER_LEFT),
    ):
        found[place] = Conversation(*columns)
    return found
