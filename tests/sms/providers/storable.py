"""What PostgreSQL can keep of what an adapter says."""

import math
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal

from sms.providers.base import LONGEST_CODE, LONGEST_DETAIL, LONGEST_REFERENCE

LONGEST = {
    "provider_reference": LONGEST_REFERENCE,
    "provider_status": 64,
    "provider_error": LONGEST_CODE,
    "detail": LONGEST_DETAIL,
    "currency": 3,
    "sender": LONGEST_REFERENCE,
    "recipient": LONGEST_REFERENCE,
    "reference": LONGEST_REFERENCE,
}


def assert_storable(value, name=""):
    """Fail for a text with NUL or a lone surrogate, one that is too long, and numbers and times that are none."""
    if is_dataclass(value):
        for one in fields(value):
            assert_storable(getattr(value, one.name), one.name)
    elif isinstance(value, str):
        value.encode()
        assert "\0" not in value
        assert len(value) <= LONGEST.get(name, 100_000), name
        assert value or name not in ("provider_reference", "provider_status"), name
    elif isinstance(value, Decimal):
        assert value.is_finite()
    elif isinstance(value, float):
        assert math.isfinite(value)
        assert value >= 0
    elif isinstance(value, datetime):
        assert value.utcoffset() is not None
    elif isinstance(value, int):
        assert 0 <= value < 2**31, name
