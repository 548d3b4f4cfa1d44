"""What the commands for operators share: how they exit, and what they may write to a terminal."""

from datetime import UTC, datetime

from django.core.management.base import BaseCommand


class OperatorCommand(BaseCommand):
    """Exits 1 with a sentence on every refusal."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Exit 1 on bad arguments, as on every other refusal, where argparse has 2."""
        try:
            super().run_from_argv(argv)
        except SystemExit as stop:
            raise SystemExit(1 if stop.code == 2 else stop.code) from None


def moment(moment: datetime | None) -> str | None:
    """Return a time by UTC."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def printable(value: object) -> str:
    """Return what a terminal may be given: what others wrote could hold its control characters."""
    if value is None:
        return "-"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
