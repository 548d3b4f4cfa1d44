"""Keep the positions of feeds growing where PostgreSQL counts its transactions anew.

It does so in a new cluster into which a dump is restored, and it falls back a little where a cluster is put back to an
earlier time, or its replica takes over that had not heard of everything: see docs/adr/0007-accounts-lists-feeds.md.
"""

from typing import Final

from sms.database import execute, query, rows, transact

# How far the positions leap: past whatever was given out between the dump and the loss of the database, at 10,000
# transactions a second for three years. So a cursor from that time is no cursor from the future.
LEAP: Final = 2**40

# The constant in use, and by how much the newest stored position is ahead of the next one to be given out: negative
# where all is in order. The newest of each account is at the end of the index.
FIND = """
SELECT sms_position('0'::xid8),
       coalesce(greatest(max(last.position), (SELECT max(position) FROM sms_retention)), 0)
           - sms_position(pg_snapshot_xmax(pg_current_snapshot()))
FROM sms_account a CROSS JOIN LATERAL (
    SELECT position FROM sms_messageevent WHERE account_id = a.id AND sequence IS NOT NULL
    ORDER BY position DESC, id DESC LIMIT 1
) last
"""

RAISE = """
CREATE OR REPLACE FUNCTION sms_position(xid8) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN $1::text::bigint + {constant}
"""


def raise_positions(*, even_if_in_order: bool = False) -> bool:
    """Lift the positions far above all that are stored, unless they are there; return whether that was done.

    Raises Unavailable.
    """
    ((_, excess),) = query(rows, FIND)
    return (even_if_in_order or excess >= 0) and transact(_raise, even_if_in_order)


def _raise(even_if_in_order: bool) -> bool:  # noqa: FBT001  passed on
    # Whoever writes events at this moment has taken their positions by the old constant. Let it end, and nobody begin.
    execute("LOCK TABLE sms_messageevent IN SHARE MODE")
    ((constant, excess),) = rows(FIND)
    if excess < 0 and not even_if_in_order:
        return False  # somebody else has done it
    execute(RAISE.format(constant=constant + max(excess, 0) + LEAP))
    return True
