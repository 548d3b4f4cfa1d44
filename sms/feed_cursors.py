"""Cursors of a feed: where a reader stands, as a short text that is good for as long as events are kept. Pure."""

import base64
import binascii
import struct
import zlib
from typing import Final, NamedTuple, Self

from sms.errors import InvalidCursor

VERSION: Final = 1
LARGEST: Final = 2**63 - 1  # of a bigint

_FORM: Final = struct.Struct(">BQQ")  # version, position, event id; then a CRC-32 of these
_CHECK: Final = struct.Struct(">I")


class Cursor(NamedTuple):
    """A place in a feed: right behind an event.

    Cursors compare as the feed is ordered. They name no account: whoever gives one reads its own account's events that
    come after that place.
    """

    position: int
    event_id: int

    def __str__(self) -> str:
        form = _FORM.pack(VERSION, self.position, self.event_id)
        return base64.urlsafe_b64encode(form + _CHECK.pack(zlib.crc32(form))).decode()

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the cursor that is written so. Raises InvalidCursor.

        The checksum finds what was cut, mistyped or made up; it keeps nobody out, and need not.
        """
        try:
            raw = base64.b64decode(written, altchars=b"-_", validate=True)
            version, position, event_id = _FORM.unpack(raw[: -_CHECK.size])
        except (ValueError, binascii.Error, struct.error):
            raise InvalidCursor from None
        if _CHECK.pack(zlib.crc32(raw[: -_CHECK.size])) != raw[-_CHECK.size :]:
            raise InvalidCursor
        if version != VERSION or max(position, event_id) > LARGEST:
            raise InvalidCursor
        return cls(position, event_id)
