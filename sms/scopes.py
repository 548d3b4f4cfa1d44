"""What an API key may be allowed to do."""

from typing import Final

SEND: Final = "messages:send"
READ: Final = "messages:read"
ALL: Final = (SEND, READ)
