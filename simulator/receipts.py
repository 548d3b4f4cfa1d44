"""Receipts as they go over the wire: written once, signed, the same on every try."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from simulator.fates import Receipt
from simulator.ledger import Taken


@dataclass(frozen=True, slots=True)
class Letter:
    """A request to a webhook, ready to be sent."""

    body: bytes
    headers: Mapping[str, str]
    receipt: Receipt | None = None  # where it is one


def write(receipt: Receipt, taken: Taken, *, secret: bytes) -> Letter:
    """Write and sign a receipt as of now."""
    document = {
        "provider_reference": taken.reference,
        "status": receipt.status,
        "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if receipt.has_client_reference:
        document["client_reference"] = taken.message.client_reference
    if receipt.error_code is not None:
        document["error_code"] = receipt.error_code
    body = orjson.dumps(document)
    key = secret + b" of somebody else" if receipt.is_forged else secret
    return Letter(body, signed(body, key), receipt)


def signed(body: bytes, key: bytes) -> Mapping[str, str]:
    """Return the headers of a body that is signed with a key."""
    signature = hmac.digest(key, body, "sha256").hex()
    return {"Content-Type": "application/json", "X-Provider-Signature": signature}
