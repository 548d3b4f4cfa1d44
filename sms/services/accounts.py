"""Create and change accounts: who may send, as whom, and how much. For operators.

Callers know their account for a few seconds (`authenticate.FRESH`), so a change is felt everywhere within that.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, TypedDict, Unpack

from django.db import IntegrityError

from sms import content, opt_outs
from sms.content import BlockedKeywords
from sms.database import transact
from sms.errors import InvalidMessage
from sms.models import Account, SenderId
from sms.money import CENT, is_currency
from sms.opt_outs import bare

LONGEST_NAME: Final = 100
LONGEST_KEYWORD: Final = 100
MOST_KEYWORDS: Final = 100
LONGEST_REPLY: Final = 480
LARGEST: Final = 2**31 - 1  # of a limit, in the database
LARGEST_BUDGET: Final = Decimal("999999999999.99")
BLOCKED_AT_FIRST: Final = ("STOP",)


class NotChanged(Exception):
    """What was asked for cannot be done, and nothing was changed; the sentence says why."""


class Changes(TypedDict, total=False):
    """What can be set; None is no limit."""

    blocked_keywords: Sequence[str]
    rate_limit: int | None  # messages a second
    daily_quota: int | None  # messages a day, by UTC
    discard_body_after: int | None  # hours after a message is final
    budget: Decimal | None  # to be spent in a calendar month, by UTC
    budget_currency: str  # ISO 4217
    opt_out_keywords: Sequence[str]  # beside the usual ones
    opt_in_keywords: Sequence[str]
    opt_out_reply: str  # to who opts out; empty: none


def create(name: str, *, sender_ids: Iterable[str] = (), **given: Unpack[Changes]) -> Account:
    """Store a new account. Raises NotChanged, Unavailable."""
    fields = check({"blocked_keywords": BLOCKED_AT_FIRST, **given})
    values = [check_sender_id(value) for value in dict.fromkeys(sender_ids)]
    try:
        return transact(_create, check_name(name), values, fields)
    except IntegrityError:
        raise NotChanged(f"There is an account '{name}' already.") from None


def _create(name: str, sender_ids: Sequence[str], fields: dict[str, Any]) -> Account:
    account = Account(name=name, **fields)
    check_budget(account.budget, account.budget_currency)
    account.save(force_insert=True)
    SenderId.objects.bulk_create([SenderId(account=account, value=value) for value in sender_ids])
    return account


def change(name: str, **given: Unpack[Changes]) -> Account:
    """Set what is given, and return the account. Raises NotChanged, Unavailable."""
    fields = check(given)
    if not fields:
        raise NotChanged("There is nothing to set.")
    return transact(_change, name, fields)


def _change(name: str, fields: dict[str, Any]) -> Account:
    account = locked(name)
    for field, value in fields.items():
        setattr(account, field, value)
    check_budget(account.budget, account.budget_currency)
    _check_reply(account)
    account.save(update_fields=list(fields))
    return account


def add_sender_id(name: str, value: str) -> None:
    """Let an account send as `value`; again, nothing changes. Raises NotChanged, Unavailable."""
    transact(_add_sender_id, name, check_sender_id(value))


def _add_sender_id(name: str, value: str) -> None:
    SenderId.objects.bulk_create([SenderId(account=locked(name), value=value)], ignore_conflicts=True)


def remove_sender_id(name: str, value: str) -> None:
    """Let an account no longer send as `value`; what it has sent goes on. Raises NotChanged, Unavailable."""
    transact(_remove_sender_id, name, value)


def _remove_sender_id(name: str, value: str) -> None:
    deleted, _ = SenderId.objects.filter(account=locked(name), value=value).delete()
    if not deleted:
        raise NotChanged(f"The account '{name}' has no sender ID '{value}'.")


def locked(name: str) -> Account:
    """Return the account of that name, to be changed in this transaction. Raises NotChanged."""
    # Messages are being stored for it all the while, and look at its key only.
    account = Account.objects.select_for_update(no_key=True).filter(name=name).first()
    if account is None:
        raise NotChanged(f"There is no account '{name}'.")
    return account


def check_name(name: str) -> str:
    """Return a name that an account may have. Raises NotChanged."""
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()):
        raise NotChanged(f"An account's name has 1 to {LONGEST_NAME} printable characters, and no space at its ends.")
    return name


def check_sender_id(value: str) -> str:
    """Return `value` if it is a sender ID. Raises NotChanged."""
    try:
        return content.check_sender_id(value)
    except InvalidMessage as error:
        raise NotChanged(f"'{value}': {error.detail}") from None


def check(given: Changes) -> dict[str, Any]:
    """Return what is given, as it is stored. Raises NotChanged for the first thing that breaks a rule."""
    fields: dict[str, Any] = dict(given)
    if "blocked_keywords" in given:
        fields["blocked_keywords"] = _check_keywords(given["blocked_keywords"])
    for name in ("opt_out_keywords", "opt_in_keywords"):
        if name in given:
            fields[name] = _check_answers(fields[name])
    if "opt_out_reply" in given:
        fields["opt_out_reply"] = _check_text_of_reply(given["opt_out_reply"])
    if {"blocked_keywords", "opt_out_reply"} <= fields.keys():
        _check_reply(Account(**fields))
    _check_number(fields, "rate_limit", "A rate limit is a number of messages a second", least=1)
    _check_number(fields, "daily_quota", "A daily quota is a number of messages", least=1)
    _check_number(fields, "discard_body_after", "A text is discarded after a number of hours", least=0)
    if "budget" in given or "budget_currency" in given:
        fields |= _check_money(fields)
    return fields


def check_budget(budget: Decimal | None, currency: str) -> None:
    """Raise NotChanged for an amount that is none of any currency."""
    if budget is not None and not currency:
        raise NotChanged("A budget has a currency, such as EUR.")


def _check_money(fields: dict[str, Any]) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    if (budget := fields.get("budget")) is not None:
        if not (budget.is_finite() and 0 <= budget <= LARGEST_BUDGET and budget == budget.quantize(CENT)):
            raise NotChanged(f"A budget is an amount a month, from 0 to {LARGEST_BUDGET:,}, with two decimals at most.")
        checked["budget"] = budget.quantize(CENT)
    if "budget_currency" in fields:
        checked["budget_currency"] = currency = (fields["budget_currency"] or "").upper()
        if currency and not is_currency(currency):
            raise NotChanged("A currency is written as in ISO 4217, with three letters, such as EUR.")
    return checked


def _check_reply(account: Account) -> None:
    """Raise NotChanged for an answer to a STOP that would be refused like any other message."""
    keyword = BlockedKeywords(account.blocked_keywords).find(account.opt_out_reply)
    if keyword is not None:
        raise NotChanged(
            f"The reply to who opts out contains the blocked keyword '{keyword}', so it could not be sent."
        )


def _check_number(fields: dict[str, Any], field: str, rule: str, *, least: int) -> None:
    value = fields.get(field)
    if value is not None and not least <= value <= LARGEST:
        raise NotChanged(f"{rule}, from {least} to {LARGEST}.")


def _check_keywords(given: Sequence[str]) -> list[str]:
    keywords = list(dict.fromkeys(keyword.strip() for keyword in given))
    good = all(0 < len(keyword) <= LONGEST_KEYWORD and keyword.isprintable() for keyword in keywords)
    if not good or len(keywords) > MOST_KEYWORDS:
        raise NotChanged(
            f"There are at most {MOST_KEYWORDS} blocked keywords, each of 1 to {LONGEST_KEYWORD} printable characters."
        )
    return keywords


def _check_answers(given: Sequence[str]) -> list[str]:
    """Return words to listen for. Raises NotChanged for what no text can be told to say."""
    words = list(dict.fromkeys(word.strip() for word in given))
    if len(words) > MOST_KEYWORDS or not all(len(word) <= opt_outs.LONGEST_KEYWORD and bare(word) for word in words):
        raise NotChanged(
            f"There are at most {MOST_KEYWORDS} keywords to listen for, each of 1 to {opt_outs.LONGEST_KEYWORD} "
            "characters with a letter or digit among them."
        )
    return words


def _check_text_of_reply(text: str) -> str:
    if not text:
        return text
    try:
        content.check_text(text)
    except InvalidMessage as error:
        raise NotChanged(f"The reply to who opts out: {error.detail}") from None
    if len(text) > LONGEST_REPLY:
        raise NotChanged(f"The reply to who opts out has at most {LONGEST_REPLY} characters.")
    return text
