"""Why the server closes a websocket, as a code that clients act on; docs/reliability.md (P6) tells them what to do."""

from enum import IntEnum


class CloseCode(IntEnum):
    """The codes that this service sends.

    The library `graphql-ws` comes back after those of the first block, and never after the others.
    """

    RESTART = 1012  # the process is told to stop
    RECONNECT = 4205  # nothing is wrong with the client's request: lifetime, slow reader, pings unanswered
    FORBIDDEN = 4403  # a key that is not good now
    LATE_HELLO = 4408
    UNAVAILABLE = 4503  # without the database no key can be checked

    FRAME_TOO_LARGE = 1009
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401  # subscribe before hello
    NOT_ACCEPTABLE = 4406  # another protocol than graphql-transport-ws
    ID_TAKEN = 4409
    SECOND_HELLO = 4429
    INTERNAL_ERROR = 4500
