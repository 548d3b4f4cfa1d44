"""What a request must be to become a message, rule by rule: `check` stops at the first broken one, `plan` tells all."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from django.conf import settings

from sms import content, phone_numbers, segments, transliterate
from sms.errors import ErrorCode, InvalidMessage
from sms.models import DeliveryPolicy, Priority
from sms.segments import Segmentation
from sms.services.authenticate import Caller

LONGEST_VALIDITY = 72 * 3600  # seconds
SHORTEST_VALIDITY = 60
MOST_SEGMENTS = 10
LONGEST_KEY = 255
FURTHEST_AHEAD = timedelta(days=90)
LATEST_REPEAT = timedelta(hours=1)
MOST_METADATA = 20
LONGEST_NAME = 40
LONGEST_VALUE = 500

# Looked up instead of asked of the enum, which takes as long as several of the rules.
_POLICIES: Final[dict[str, DeliveryPolicy]] = {one.value: one for one in DeliveryPolicy}
_PRIORITIES: Final[dict[str, Priority]] = {one.name: one for one in Priority}


@dataclass(slots=True)
class Draft:
    """What is asked for, and what the rules made of it."""

    sender_id: str
    recipient: str  # as it was given; after its rule in E.164
    text: str  # that is sent
    client_reference: str | None
    delivery_policy: str  # after its rule a DeliveryPolicy
    valid_for: int
    send_at: datetime | None  # after its rule by UTC
    priority: str
    metadata: Collection[tuple[str, str]] | None
    idempotency_key: str | None  # after its rule the key itself

    segmentation: Segmentation | None = None
    importance: Priority = Priority.NORMAL
    own: dict[str, str] | None = None


class RuleName(StrEnum):
    """Stable, public words: they are never renamed, only added to."""

    SENDER_ID = "SENDER_ID"
    SENDER_ID_ALLOWED = "SENDER_ID_ALLOWED"
    RECIPIENT = "RECIPIENT"
    TEXT = "TEXT"
    BLOCKED_KEYWORDS = "BLOCKED_KEYWORDS"
    LENGTH = "LENGTH"
    CLIENT_REFERENCE = "CLIENT_REFERENCE"
    DELIVERY_POLICY = "DELIVERY_POLICY"
    VALID_FOR = "VALID_FOR"
    SEND_AT = "SEND_AT"
    PRIORITY = "PRIORITY"
    METADATA = "METADATA"
    IDEMPOTENCY_KEY = "IDEMPOTENCY_KEY"
    OPT_OUT = "OPT_OUT"  # not below: it is decided where the message is stored


class Rule(NamedTuple):
    """One rule. `apply` raises InvalidMessage, and writes into the draft what it found."""

    name: RuleName
    field: str
    apply: Callable[[Draft, Caller], None]
    after: RuleName | None = None  # cannot be looked at where that one is broken


def written(text: str, *, transliterated: bool) -> str:
    """Return the text that is sent. One that is far too long to be sent is not looked at."""
    return transliterate.to_gsm7(text) if transliterated and len(text) <= content.FAR_TOO_LONG else text


def clean_key(value: str) -> str:
    """Return the key itself; the quoted form of draft-ietf-httpapi-idempotency-key-header is the same key.

    Raises InvalidMessage.
    """
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if not (1 <= len(value) <= LONGEST_KEY and value.isascii() and value.isprintable() and " " not in value):
        raise InvalidMessage(
            ErrorCode.IDEMPOTENCY_KEY_INVALID,
            f"An idempotency key has 1 to {LONGEST_KEY} visible ASCII characters.",
            field="idempotency_key",
        )
    return value


def _sender_id(draft: Draft, _: Caller) -> None:
    content.check_sender_id(draft.sender_id)


def _sender_id_allowed(draft: Draft, caller: Caller) -> None:
    if draft.sender_id not in caller.sender_ids:
        raise InvalidMessage(
            ErrorCode.SENDER_ID_NOT_ALLOWED,
            f"The sender ID '{draft.sender_id}' is not on this account's list.",
            field="sender_id",
        )


def _recipient(draft: Draft, _: Caller) -> None:
    draft.recipient = phone_numbers.normalise(draft.recipient, default_region=settings.SMS_DEFAULT_REGION)


def _text(draft: Draft, _: Caller) -> None:
    content.check_text(draft.text)


def _blocked_keywords(draft: Draft, caller: Caller) -> None:
    if (keyword := caller.blocked_keywords.find(draft.text)) is not None:
        raise InvalidMessage(
            ErrorCode.BLOCKED_KEYWORD, f"The text contains the blocked keyword '{keyword}'.", field="text"
        )


def _length(draft: Draft, _: Caller) -> None:
    draft.segmentation = measured = segments.measure(draft.text)
    content.check_length(measured, maximum=MOST_SEGMENTS)


def _client_reference(draft: Draft, _: Caller) -> None:
    if draft.client_reference is not None:
        content.check_client_reference(draft.client_reference)


def _delivery_policy(draft: Draft, _: Caller) -> None:
    policy = _POLICIES.get(draft.delivery_policy)
    if policy is None:
        raise InvalidMessage(
            ErrorCode.DELIVERY_POLICY_INVALID,
            f"A delivery policy is {' or '.join(DeliveryPolicy)}.",
            field="delivery_policy",
        )
    draft.delivery_policy = policy


def _valid_for(draft: Draft, _: Caller) -> None:
    if not SHORTEST_VALIDITY <= draft.valid_for <= LONGEST_VALIDITY:
        raise InvalidMessage(
            ErrorCode.VALID_FOR_INVALID,
            f"A message is valid for {SHORTEST_VALIDITY} to {LONGEST_VALIDITY} seconds.",
            field="valid_for",
        )


def _send_at(draft: Draft, _: Caller) -> None:
    """Take the time by UTC. One that has just passed is good: a request may be repeated."""
    if (value := draft.send_at) is None:
        return
    if value.tzinfo is None:
        raise _invalid_send_at("A send time has an offset from UTC, as in 2027-01-31T09:00:00+01:00, or a Z.")
    now = datetime.now(UTC)
    if not now - LATEST_REPEAT <= value <= now + FURTHEST_AHEAD:
        raise _invalid_send_at(
            f"A send time is at most {FURTHEST_AHEAD.days} days ahead, and not past by more than an hour; "
            f"it is {now:%Y-%m-%dT%H:%M}Z now."
        )
    draft.send_at = value.astimezone(UTC)


def _invalid_send_at(detail: str) -> InvalidMessage:
    return InvalidMessage(ErrorCode.SEND_AT_INVALID, detail, field="send_at")


def _priority(draft: Draft, _: Caller) -> None:
    importance = _PRIORITIES.get(draft.priority)
    if importance is None:
        raise InvalidMessage(
            ErrorCode.PRIORITY_INVALID, f"A priority is {' or '.join(Priority.names)}.", field="priority"
        )
    draft.importance = importance


def _metadata(draft: Draft, _: Caller) -> None:
    if not (given := draft.metadata):
        return
    own = dict(given)
    fits = len(own) == len(given) <= MOST_METADATA and all(
        1 <= len(name) <= LONGEST_NAME and len(text) <= LONGEST_VALUE and _is_storable(name + text)
        for name, text in own.items()
    )
    if not fits:
        raise InvalidMessage(
            ErrorCode.METADATA_INVALID,
            f"Metadata has at most {MOST_METADATA} names, each once and of 1 to {LONGEST_NAME} characters, and a text "
            f"of at most {LONGEST_VALUE} for each.",
            field="metadata",
        )
    draft.own = own


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep a text as JSON: neither NUL nor half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def _idempotency_key(draft: Draft, _: Caller) -> None:
    if draft.idempotency_key is not None:
        draft.idempotency_key = clean_key(draft.idempotency_key)


RULES: Final = (
    Rule(RuleName.SENDER_ID, "sender_id", _sender_id),
    Rule(RuleName.SENDER_ID_ALLOWED, "sender_id", _sender_id_allowed, after=RuleName.SENDER_ID),
    Rule(RuleName.RECIPIENT, "recipient", _recipient),
    Rule(RuleName.TEXT, "text", _text),
    Rule(RuleName.BLOCKED_KEYWORDS, "text", _blocked_keywords, after=RuleName.TEXT),
    Rule(RuleName.LENGTH, "text", _length, after=RuleName.TEXT),
    Rule(RuleName.CLIENT_REFERENCE, "client_reference", _client_reference),
    Rule(RuleName.DELIVERY_POLICY, "delivery_policy", _delivery_policy),
    Rule(RuleName.VALID_FOR, "valid_for", _valid_for),
    Rule(RuleName.SEND_AT, "send_at", _send_at),
    Rule(RuleName.PRIORITY, "priority", _priority),
    Rule(RuleName.METADATA, "metadata", _metadata),
    Rule(RuleName.IDEMPOTENCY_KEY, "idempotency_key", _idempotency_key),
)
