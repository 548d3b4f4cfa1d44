"""What texts from handsets have in common, whoever brings them."""

from datetime import UTC, datetime


def storable(text: str) -> str:
    """Return a text without the one character that the database cannot keep."""
    return text.replace("\0", "")


def unix_time(seconds: str | float | None) -> datetime | None:
    """Return a time that a provider gives in Unix seconds; None for nonsense."""
    try:
        return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
