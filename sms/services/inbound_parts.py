"""Long texts that come in parts: joined when all are there, in whatever order and however late they come.

Those that are never whole are delivered as far as they came, a day after the first of their parts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from sms.database import execute, rows

GIVE_UP_HOURS: Final = 24
KEPT_DAYS: Final = 7  # so that a part is known again which comes once more
AT_ONCE: Final = 200
GAP: Final = "\N{HORIZONTAL ELLIPSIS}"  # where a part is missing

Key = tuple[str, str, str, str, int]  # provider, sender, recipient, reference, and how many parts there are


@dataclass(frozen=True, slots=True)
class Arrived:
    """A part that came."""

    key: Key
    number: int
    provider_reference: str
    text: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Joined:
    """A text made of its parts."""

    key: Key
    provider_reference: str  # of the first part that there is
    text: str
    sent_at: datetime | None
    is_complete: bool


KEYS: Final = """unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::int[])
     AS t (provider, sender, recipient, reference, total)"""

# Two processes that have a part each must not both find the other one missing.
LOCK = f"""
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(concat_ws(' ', provider, sender, recipient, reference, total), 0) AS key
    FROM {KEYS}
    ORDER BY key
) AS keys
"""  # noqa: S608  constants
STORE = """
INSERT INTO sms_inboundpart (provider, sender, recipient, reference, total, number, provider_reference, text, sent_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[], %s::smallint[], %s::text[],
                     %s::text[], %s::timestamptz[]) AS t
ORDER BY 1, 7, 6
ON CONFLICT (provider, provider_reference, number) DO NOTHING
"""
# Of a part that came twice under two names, the first counts.
FIND = f"""
SELECT DISTINCT ON (p.provider, p.sender, p.recipient, p.reference, p.total, p.number)
       p.provider, p.sender, p.recipient, p.reference, p.total, p.number, p.provider_reference, p.text, p.sent_at
FROM {KEYS}
JOIN sms_inboundpart p USING (provider, sender, recipient, reference, total)
WHERE NOT p.is_joined
ORDER BY p.provider, p.sender, p.recipient, p.reference, p.total, p.number, p.id
"""  # noqa: S608  constants
CLOSE = f"""
UPDATE sms_inboundpart p SET is_joined = true, text = ''
FROM {KEYS}
WHERE (p.provider, p.sender, p.recipient, p.reference, p.total)
      = (t.provider, t.sender, t.recipient, t.reference, t.total) AND NOT p.is_joined
"""  # noqa: S608  constants
OVERDUE = """
SELECT DISTINCT provider, sender, recipient, reference, total FROM (
    SELECT * FROM sms_inboundpart WHERE NOT is_joined AND received_at < now() - make_interval(hours => %s)
    ORDER BY received_at LIMIT %s
) AS oldest
"""
PRUNE = """
DELETE FROM sms_inboundpart WHERE id IN (
    SELECT id FROM sms_inboundpart WHERE is_joined AND received_at < now() - make_interval(days => %s)
    ORDER BY received_at LIMIT %s
)
"""


def put(arrived: Sequence[Arrived]) -> list[Joined]:
    """Store parts, in this transaction, and return the texts that are whole now."""
    keys = sorted({one.key for one in arrived})
    rows(LOCK, *_columns(keys))
    execute(
        STORE,
        *_columns([one.key for one in arrived]),
        [one.number for one in arrived],
        [one.provider_reference for one in arrived],
        [one.text for one in arrived],
        [one.sent_at for one in arrived],
    )
    return _take([one for one in _find(keys) if one.is_complete])


def overdue() -> list[Key]:
    """Return texts that have waited for a part for as long as they may."""
    return rows(OVERDUE, GIVE_UP_HOURS, AT_ONCE)


def give_up(keys: Sequence[Key]) -> list[Joined]:
    """Return texts as far as they came, in this transaction."""
    rows(LOCK, *_columns(keys))
    return _take(_find(keys))


def prune() -> int:
    """Delete parts that nobody will ask for again, and return how many: AT_ONCE where there may be more."""
    return execute(PRUNE, KEPT_DAYS, AT_ONCE)


def _find(keys: Collection[Key]) -> list[Joined]:
    found = rows(FIND, *_columns(sorted(keys)))
    return [_join(key, list(parts)) for key, parts in groupby(found, key=lambda row: row[:5])]


def _join(key: Key, parts: Sequence[tuple]) -> Joined:  # type: ignore[type-arg]
    texts = {number: text for *_, number, _, text, _ in parts}
    total = key[4]
    in_order = (texts.get(number, GAP) for number in range(1, total + 1))
    *_, reference, _, sent_at = parts[0]
    return Joined(key, reference, "".join(in_order), sent_at, is_complete=len(texts) == total)


def _take(joined: list[Joined]) -> list[Joined]:
    if joined:
        execute(CLOSE, *_columns([one.key for one in joined]))
    return joined


def _columns(keys: Sequence[Key]) -> list[list[object]]:
    return [list(column) for column in zip(*keys, strict=True)]
