"""The fields that a REST client may send: one table for checking them and for describing them.

Each has the JSON type that `rest_api.requests` asks for. The limits beside it are the domain's, which applies them.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple, NotRequired, TypedDict, get_args, get_origin, get_type_hints

from edge.openapi.schemas import About, closed
from sms import content, phone_numbers
from sms.models import DeliveryPolicy, Priority
from sms.services import opt_outs, rules
from sms.services.accept_many import MOST, ErrorPolicy
from sms.services.duplicates import DuplicatePolicy

LONGEST_SENDER_ID: Final = 16  # a number in E.164, with the plus


@closed
class NewMessage(TypedDict):
    """A message to send. A field that may be left out may be null instead, which is the same."""

    sender_id: Annotated[
        str,
        About(
            "Who it is from: a name, short code or number on the account's list. A name has 1 to "
            f"{content.LONGEST_SENDER_ID} letters, digits, spaces and `-_.&+`.",
            minLength=1,
            maxLength=LONGEST_SENDER_ID,
        ),
    ]
    recipient: Annotated[
        str,
        About(
            "A mobile number: international with `+`, `00` or neither, or national in the service's own region. "
            "Spaces, dots, dashes and parentheses may stand between its digits.",
            minLength=1,
            maxLength=phone_numbers.LONGEST,
        ),
    ]
    text: Annotated[
        str,
        About(
            f"What it says. It may take {rules.MOST_SEGMENTS} segments: 1,530 characters of GSM-7, or 670 of others.",
            minLength=1,
            maxLength=content.FAR_TOO_LONG,
        ),
    ]
    transliterate: NotRequired[
        Annotated[
            bool | None,
            About(
                "Whether characters outside GSM-7 are replaced by look-alikes, if all of them have one.", default=False
            ),
        ]
    ]
    client_reference: NotRequired[
        Annotated[
            str | None,
            About(
                "Your own label, returned untouched: printable characters.",
                minLength=1,
                maxLength=content.LONGEST_REFERENCE,
            ),
        ]
    ]
    delivery_policy: NotRequired[
        Annotated[
            str | None,
            About(
                "What to do when nobody knows whether the provider took it.",
                of=DeliveryPolicy,
                default=DeliveryPolicy.AT_MOST_ONCE.value,
            ),
        ]
    ]
    valid_for: NotRequired[
        Annotated[
            int | None,
            About(
                "Seconds after which it is not sent any more, counted from its send time.",
                minimum=rules.SHORTEST_VALIDITY,
                maximum=rules.LONGEST_VALIDITY,
                default=rules.LONGEST_VALIDITY,
            ),
        ]
    ]
    send_at: NotRequired[
        Annotated[
            str | None,
            About(
                "When to send it, with an offset from UTC or a `Z`, not past by more than an hour and at most "
                f"{rules.FURTHEST_AHEAD.days} days ahead. Left out: now.",
                format="date-time",
            ),
        ]
    ]
    priority: NotRequired[
        Annotated[
            str | None,
            About("Whose turn it is when several messages wait.", of=Priority, default=Priority.NORMAL.name),
        ]
    ]
    metadata: NotRequired[
        Annotated[
            dict[str, Annotated[str, About("Your own text.", maxLength=rules.LONGEST_VALUE)]] | None,
            About(
                f"Names and texts of your own, returned untouched: at most {rules.MOST_METADATA}, names of 1 to "
                f"{rules.LONGEST_NAME} characters.",
                maxProperties=rules.MOST_METADATA,
                propertyNames={"minLength": 1, "maxLength": rules.LONGEST_NAME},
            ),
        ]
    ]


@closed
class NewBatchMessage(NewMessage):
    """A message of a batch."""

    idempotency_key: NotRequired[
        Annotated[
            str | None,
            About(
                "Its own key, if it is not to have one made of the batch's and its place.",
                minLength=1,
                maxLength=rules.LONGEST_KEY + len('""'),
            ),
        ]
    ]


@closed
class NewMessages(TypedDict):
    """Messages to send in one request."""

    messages: Annotated[list[NewBatchMessage], About("The messages.", minItems=1, maxItems=MOST)]
    error_policy: NotRequired[
        Annotated[
            str | None,
            About("What a refused message means for the others.", of=ErrorPolicy, default=ErrorPolicy.EACH_ROW.value),
        ]
    ]
    duplicates: NotRequired[
        Annotated[
            str | None,
            About(
                "What becomes of messages that ask for just the same, and have no key of their own.",
                of=DuplicatePolicy,
                default=DuplicatePolicy.COLLAPSE.value,
            ),
        ]
    ]


@closed
class NewOptOut(TypedDict):
    """Who is to get no more texts. A field that may be left out may be null instead, which is the same."""

    recipient: Annotated[
        str,
        About("The number, written in any way that a send takes.", minLength=1, maxLength=phone_numbers.LONGEST),
    ]
    sender_id: NotRequired[
        Annotated[
            str | None,
            About(
                "The sender ID to get no more texts from. Left out: from none of the account's.",
                minLength=1,
                maxLength=LONGEST_SENDER_ID,
            ),
        ]
    ]
    reason: NotRequired[
        Annotated[
            str | None,
            About("Why, for people: printable characters.", minLength=1, maxLength=opt_outs.LONGEST_REASON),
        ]
    ]


class Fields(NamedTuple):
    """The JSON type of each field: of those that a request must have, and of those that it may have."""

    required: Mapping[str, type]
    optional: Mapping[str, type]


def fields_of(table: Any) -> Fields:
    """Return the fields of a TypedDict, as `rest_api.requests` checks them."""
    kinds = {name: _plain(hint) for name, hint in get_type_hints(table).items()}
    required = table.__required_keys__
    return Fields(
        {name: kind for name, kind in kinds.items() if name in required},
        {name: kind for name, kind in kinds.items() if name not in required},
    )


def _plain(hint: Any) -> type:
    """Return the type of what is parsed: `str` for `str | None`, `list` for `list[str]`."""
    first = next((one for one in get_args(hint) if get_origin(hint) not in {list, dict}), hint)
    kind: type = get_origin(first) or first
    return kind
