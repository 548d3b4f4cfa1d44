"""Amounts of money. Pure: no Django here."""

import re
from decimal import Decimal
from typing import Final, NamedTuple

CENT: Final = Decimal("0.01")
is_currency: Final = re.compile("[A-Z]{3}").fullmatch  # as ISO 4217 writes them


class Money(NamedTuple):
    """An amount in one currency."""

    amount: Decimal
    currency: str  # ISO 4217


def plain(amount: Decimal) -> Decimal:
    """Return the same amount without the zeros at its end, but with two decimals at least: 0.0125, 0.50, 100.00."""
    short = amount.normalize()
    exponent = short.as_tuple().exponent
    return short.quantize(CENT) if isinstance(exponent, int) and exponent > -2 else short
