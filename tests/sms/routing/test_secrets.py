"""Secrets of routes are in no log line, from the moment when a provider is made of them."""

import io
import json
import logging

import pytest

from config import logs
from sms.credentials import Safe
from sms.providers.base import Option
from sms.providers.kinds import KINDS
from tests.sms.routing.routes import Told

SECRETS = ("s3cret/of&the route", "the-second-of-two")


class Talkative(Told):
    """Makes a token of its secret, and complains in its own words."""

    OPTIONS = (Option("api_key", "Its key.", is_secret=True), Option("other", "More.", is_required=False))

    @classmethod
    def from_setup(cls, setup):
        if setup.option("other"):
            raise ValueError(f"I do not like {setup.option('api_key')}")
        return cls(setup.route)

    @property
    def secrets(self):
        return ["token-made-of-the-secret"]


@pytest.fixture
def line(settings, monkeypatch):
    """Write a line of the log, and return it."""
    monkeypatch.setattr("sms.redaction._learned", set())
    stream = io.StringIO()
    handler = logs.make_handler(stream, region="GH", secrets=["given-at-the-start"])

    def write(said):
        stream.truncate(0)
        stream.seek(0)
        handler.handle(logging.makeLogRecord({"name": "tests", "levelname": "WARNING", "msg": said}))
        return json.loads(stream.getvalue())["event"]

    return write


def add(told, settings, monkeypatch, **options):
    """A route with two secrets in one option."""
    monkeypatch.setitem(KINDS, "talkative", f"{__name__}.Talkative")
    told.route(
        "r",
        kind="talkative",
        options=options,
        credentials=Safe(settings.SMS_CREDENTIALS_KEYS).encrypt({"api_key": ",".join(SECRETS)}),
    )


def test_they_are_hidden_however_they_are_written(told, line, settings, monkeypatch):
    """Each of several, in an address as well, and what the provider makes of them; and those of the settings still."""
    add(told, settings, monkeypatch)
    assert line(SECRETS[1]) == SECRETS[1], "nobody has used it yet"
    told.provider("r")
    for said in (
        *SECRETS,
        ",".join(SECRETS),
        "s3cret%2Fof%26the%20route",
        "s3cret%2Fof%26the+route",
        "token-made-of-the-secret",
        "given-at-the-start",
    ):
        assert line(f"said {said} here") == "said *** here"


def test_they_are_hidden_also_where_no_provider_can_be_made(told, line, settings, monkeypatch):
    """The complaint itself may have them."""
    add(told, settings, monkeypatch, other="x")
    with pytest.raises(ValueError, match="I do not like") as refused:
        told.provider("r")
    assert line(str(refused.value)) == "I do not like ***"
