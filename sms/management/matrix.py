"""The kinds of provider beside each other: docs/provider-matrix.csv, written from what each says of itself."""

from typing import Final

from sms import routes

HEAD: Final = (
    *("kind", "title", "options", "secrets", "signature", "receipts", "inbound", "look-up", "batch", "window"),
    *("idempotent", "validity", "source"),
)


def lines() -> list[list[object]]:
    """Return one line for each kind that there is, below HEAD."""
    found: list[list[object]] = []
    for name, kind in routes.kinds().items():
        facts = kind.FACTS
        public = " ".join(one.name for one in kind.OPTIONS if not one.is_secret)
        hidden = " ".join(one.name for one in kind.OPTIONS if one.is_secret)
        flags = [_yes(one) for one in (facts.inbound, facts.look_up)]
        found.append(
            [
                *(name, facts.title, public, hidden, facts.signature, facts.receipts, *flags),
                *(facts.batch, facts.window, _yes(facts.idempotent), _yes(facts.validity), facts.source),
            ]
        )
    return found


def _yes(fact: bool) -> str:  # noqa: FBT001  a cell
    return "yes" if fact else "no"
