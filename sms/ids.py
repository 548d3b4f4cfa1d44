"""Ids are UUIDv7 (RFC 9562, section 5.7): they begin with a millisecond, so they sort by time. Pure: no Django here."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

LOWEST: Final = UUID(int=0)
HIGHEST: Final = UUID(int=2**128 - 1)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND: Final = 2**48 - 1


def first_id_of(moment: datetime, *, offset: timedelta = timedelta()) -> UUID:
    """Return the lowest UUIDv7 of the millisecond at `offset` from a moment; of what no id can tell, the nearest."""
    milliseconds = (moment - _EPOCH + offset) // timedelta(milliseconds=1)
    return UUID(int=(min(max(milliseconds, 0), _LAST_MILLISECOND) << 80) | (7 << 76) | (2 << 62))
