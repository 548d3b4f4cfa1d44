"""Cursors of a feed: where a reader stands, as a short text that is good for as long as events are kept. Pure."""

import base64
import binascii
import struct
import zlib
from typing import Final, NamedTuple, Self
from uuid import UUID

from sms.errors import InvalidCursor

VERSION: Final = 1
INBOUND_VERSION: Final = 2
LARGEST: Final = 2**63 - 1  # of a bigint

# Version, position, id; then a CRC-32 of these.
_FORM: Final = struct.Struct(">BQQ")
_INBOUND_FORM: Final = struct.Struct(">BQ16s")
_CHECK: Final = struct.Struct(">I")


class Cursor(NamedTuple):
    """A place in a feed: right behind an event.

    Cursors compare as the feed is ordered. They name no account: whoever gives one reads its own account's events that
    come after that place.
    """

    position: int
    event_id: int

    def __str__(self) -> str:
        return _write(_FORM.pack(VERSION, self.position, self.event_id))

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the cursor that is written so. Raises InvalidCursor."""
        try:
            version, position, event_id = _FORM.unpack(_read(written))
        except struct.error:
            raise InvalidCursor from None
        if version != VERSION or max(position, event_id) > LARGEST:
            raise InvalidCursor
        return cls(position, event_id)


class InboundCursor(NamedTuple):
    """A place in the feed of an account's inbound texts: right behind one of them. As a `Cursor` is, but for the id."""

    position: int
    inbound_id: UUID

    def __str__(self) -> str:
        return _write(_INBOUND_FORM.pack(INBOUND_VERSION, self.position, self.inbound_id.bytes))

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the cursor that is written so. Raises InvalidCursor."""
        try:
            version, position, inbound_id = _INBOUND_FORM.unpack(_read(written))
        except struct.error:
            raise InvalidCursor from None
        if version != INBOUND_VERSION or position > LARGEST:
            raise InvalidCursor
        return cls(position, UUID(bytes=inbound_id))


def _write(form: bytes) -> str:
    return base64.urlsafe_b64encode(form + _CHECK.pack(zlib.crc32(form))).decode()


def _read(written: str) -> bytes:
    """Return what was written, without its checksum. Raises InvalidCursor.

    The checksum finds what was cut, mistyped or made up; it keeps nobody out, and need not.
    """
    try:
        raw = base64.b64decode(written, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise InvalidCursor from None
    form, check = raw[: -_CHECK.size], raw[-_CHECK.size :]
    if _CHECK.pack(zlib.crc32(form)) != check:
        raise InvalidCursor
    return form
