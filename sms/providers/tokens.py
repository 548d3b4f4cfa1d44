"""What stands in for a signature where a provider signs nothing: an address that nobody can guess."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from sms.providers.base import Option, Setup
from sms.providers.signatures import secrets_of

WEBHOOK_TOKEN: Final = Option(
    "webhook_token",
    "The last part of the addresses that the provider calls, as it signs nothing: 32 random letters and digits or "
    "more. Two with a comma between them while one replaces the other, the new one first.",
    is_secret=True,
)
# Of a provider that may sign, whose signature may not cover everything, or that has other credentials as well.
PERHAPS_WEBHOOK_TOKEN: Final = replace(
    WEBHOOK_TOKEN,
    what="The last part of the addresses that the provider calls, where its signature is not enough or not set up: 32 "
    "random letters and digits or more. Two with a comma between them while one replaces the other, the new one first.",
    is_required=False,
)


def tokens_of(setup: Setup) -> Sequence[str]:
    """Return the tokens in the option; none verify nothing. Raises ValueError with a sentence."""
    found = secrets_of(setup.option(WEBHOOK_TOKEN.name))
    if any(quote(one, safe="") != one for one in found):
        raise ValueError(f"'{WEBHOOK_TOKEN.name}' stands in an address: letters, digits, - and _ only.")
    return found
