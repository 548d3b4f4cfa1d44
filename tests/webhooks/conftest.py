"""What the tests of webhooks share with those of routes."""

from tests.sms.routing.conftest import told  # noqa: F401  a fixture
