"""Where a page of a list ended, as clients are given it. Pure: no Django here.

A cursor is a version and an id, and opaque only so that nobody builds on what is in it. It is neither secret nor
signed: whatever id it holds is a position among the caller's own messages, and nothing more.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from typing import Final
from uuid import UUID

from sms.errors import ErrorCode, InvalidList

_VERSION: Final = b"\x01"


def encode(position: UUID) -> str:
    """Return the cursor of a position: 23 characters of base64url (RFC 4648, section 5), without padding."""
    return urlsafe_b64encode(_VERSION + position.bytes).decode().rstrip("=")


def decode(cursor: str) -> UUID:
    """Return the position of a cursor. Raises InvalidList with CURSOR_INVALID for what `encode` never made."""
    with suppress(ValueError):
        position = UUID(bytes=urlsafe_b64decode(f"{cursor}=")[1:])
        if encode(position) == cursor:
            return position
    raise InvalidList(
        ErrorCode.CURSOR_INVALID, "This is no cursor; give one as a page had it, or none for the first page.", "after"
    )
