"""Requests as the official SDKs of providers sign them, and as they must not be: `vectors/*.json`.

All keys, numbers and ids in these files were made up for them; each entry names the SDK that signed or refused it.
"""

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import jwt.api_jwt
import pytest

from sms.providers.base import WebhookRequest


@cache
def _all():
    files = sorted((Path(__file__).parent / "vectors").glob("*.json"))
    return [one for file in files for one in json.loads(file.read_text())["vectors"]]


def of(provider):
    """Return the vectors of a provider, by its name in the files: `twilio`, and so on."""
    return [one for one in _all() if one["provider"] == provider]


def request_of(vector):
    """Return the request, as the service would hand it to the adapter."""
    return WebhookRequest(
        headers={name.lower(): value for name, value in vector["headers"].items()},
        body=vector["body"].encode(),
        method=vector["method"],
        url=vector["url"],
    )


@contextmanager
def clock_at(now):
    """Let it be that moment, in Unix seconds, also for PyJWT, which has a clock of its own; None: leave the clock."""
    with pytest.MonkeyPatch.context() as patch:
        if now is not None:
            patch.setattr(time, "time", lambda: float(now))
            patch.setattr(jwt.api_jwt, "datetime", _frozen(now))
        yield


def _frozen(now):
    """Return a `datetime` whose now is that moment."""
    return type("Frozen", (datetime,), {"now": classmethod(lambda cls, tz=UTC: datetime.fromtimestamp(now, tz))})
