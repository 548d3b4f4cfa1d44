"""How much is left of an account's limits, as its caller may be told. Pure: no Django here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """One limit: so many messages in so many seconds."""

    name: str
    quota: int
    seconds: int
    remaining: int
    resets_in: int  # seconds until all of the quota is there again
