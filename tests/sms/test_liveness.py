"""Which parts are alive, as Redis knows it."""

import pytest
import redis
from django.conf import settings

from sms.liveness import LASTS, PARTS, show_alive, silent_parts

HOUR = 3600


@pytest.fixture
def signs():
    """The place where signs of life are left, empty."""
    with redis.Redis.from_url(settings.SMS_REDIS_URL) as client:
        names = [f"sms:alive:{part}" for part in PARTS]
        client.delete(*names)
        yield client
        client.delete(*names)


def test_a_part_is_silent_until_it_shows_itself(signs):
    """No sign is no life."""
    assert silent_parts() == ["worker", "beat"]
    show_alive("beat")
    assert silent_parts() == ["worker"]


def test_a_sign_from_before_a_step_back_of_the_clock_counts_no_more(signs):
    """Redis would keep it an hour too long, and a dead worker would seem alive for as long."""
    for part in PARTS:
        signs.set(f"sms:alive:{part}", b"1", ex=LASTS + HOUR)
    show_alive("worker")
    assert silent_parts() == ["beat"]
