"""What the tests of routes share."""

import pytest

from sms.providers import registry
from sms.services import breakers
from tests.sms.routing import routes


@pytest.fixture
def told(transactional_db, monkeypatch):
    """Routes may have the kind "told"."""
    routes.use(monkeypatch)
    monkeypatch.setattr(breakers, "_tally", breakers.Tally())
    yield routes
    registry.forget()
