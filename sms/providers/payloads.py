"""What providers send us, read with care: forms, JSON, and texts that have to fit into the database."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import orjson

from sms.errors import InvalidReceipt
from sms.providers.base import LONGEST_CODE, LONGEST_REFERENCE, Price, WebhookRequest
from sms.providers.errors import ProviderError
from sms.statuses import Status

LONGEST_WORD: Final = 64
MOST_FIELDS: Final = 200
LONGEST_SHORT_CODE: Final = 6  # digits
FAILURES: Final = frozenset({Status.UNDELIVERED, Status.FAILED})


def form(request: WebhookRequest) -> list[tuple[str, str]]:
    """Return the fields of a form in the body, in their order: blank ones and repeated ones, too.

    Raises InvalidReceipt.
    """
    return _pairs(request.body.decode("latin-1"))


def query(request: WebhookRequest) -> list[tuple[str, str]]:
    """Return the fields of the query, in their order: blank ones and repeated ones, too. Raises InvalidReceipt."""
    try:
        text = urlsplit(request.url).query
    except ValueError:
        raise InvalidReceipt("The address is none.") from None
    return _pairs(text)


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidReceipt(f"A form has at most {MOST_FIELDS} fields.") from None


def document(request: WebhookRequest) -> Mapping[str, Any]:
    """Return the JSON object in the body. Raises InvalidReceipt."""
    try:
        content = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise InvalidReceipt("The body is not JSON.") from None
    if not isinstance(content, dict):
        raise InvalidReceipt("The body is not a JSON object.")
    return content


def fields(request: WebhookRequest) -> Mapping[str, str]:
    """Return what is in the query, and in the body as a form or as JSON: of what is there twice, the last.

    For providers whose customers choose the form. Raises InvalidReceipt.
    """
    found: dict[str, str] = dict(query(request))
    if "json" in request.headers.get("content-type", ""):
        texts = {name: value for name, value in document(request).items() if isinstance(value, str | int | float)}
        return found | {name: str(value) for name, value in texts.items()}
    return found | dict(form(request)) if request.body else found


def storable(text: str) -> str:
    """Return a text without the one character that the database cannot keep."""
    return text.replace("\0", "")


def text(content: Mapping[str, Any], field: str, longest: int = LONGEST_WORD) -> str:
    """Return a field that has to be a text, and one that the database can keep. Raises InvalidReceipt."""
    value = content.get(field)
    if not isinstance(value, str) or not 1 <= len(value) <= longest or "\0" in value:
        raise InvalidReceipt(f"'{field}' must be a text of 1 to {longest} characters.", field=field)
    return value


def code(value: object) -> str | None:
    """Return a provider's own code, a text or a number, as the database can keep it; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return storable(str(value))[:LONGEST_CODE] or None


def reference(value: object) -> str | None:
    """Return a provider's own id of a message, a text or a number; None for anything else: then there is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return storable(str(value))[:LONGEST_REFERENCE] or None


def uuid(value: object) -> UUID | None:
    """Return an attempt's id that a provider gave back; None for anything else: somebody's own label."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def number(value: str) -> str:
    """Return a number in E.164 where it came without its plus; a short code or a name as it is."""
    return f"+{value}" if len(value) > LONGEST_SHORT_CODE and value.isascii() and value.isdecimal() else value


def moment(value: object) -> datetime | None:
    """Return a time that was told in ISO 8601 with its offset; None for anything else, and for what is long past."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None and 2000 <= found.year < 2100 else None


def unix_time(seconds: str | float | None) -> datetime | None:
    """Return a time that a provider gives in Unix seconds; None for nonsense."""
    try:
        return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def price(amount: object, currency: object) -> Price | None:
    """Return a price, whatever its sign (some tell what they take as a negative number); None for nonsense."""
    if not isinstance(currency, str) or not (len(currency) == 3 and currency.isalpha() and currency.isascii()):
        return None
    try:
        found = abs(Decimal(str(amount)))
    except InvalidOperation:
        return None
    return Price(found, currency.upper()) if found.is_finite() and found < 1_000_000 else None


def ending(status: Status | None, error: ProviderError | None) -> Status | None:
    """Return the status of a receipt; of a failure whose code tells that the time ran out, EXPIRED."""
    is_expired = status in FAILURES and error is ProviderError.EXPIRED_CARRIER
    return Status.EXPIRED if is_expired else status


def first(pairs: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the first value of a field, or None."""
    return next((value for key, value in pairs if key == name), None)


def written(document: object) -> bytes:
    """Return JSON: what is to be kept of a request that brought several. Raises InvalidReceipt."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        raise InvalidReceipt("The body is nested too deeply.") from None


def body_text(content: Mapping[str, Any], field: str) -> str:
    """Return what a handset wrote, which may be nothing, as the database can keep it. Raises InvalidReceipt."""
    value = content.get(field)
    if not isinstance(value, str):
        raise InvalidReceipt(f"'{field}' must be a text.", field=field)
    return storable(value)
