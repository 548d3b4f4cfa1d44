"""How long a stop may take is said in several places; here they are held together."""

import re
from pathlib import Path

from config import env, serve
from rest_api import events
from sms import threads
from sms.providers.http import CONNECT_TIMEOUT

ROOT = Path(__file__).parents[2]


def grace(service):
    """The seconds that docker-compose.yml gives a service before it is killed."""
    part = (ROOT / "docker-compose.yml").read_text().partition(f"\n  {service}:\n")[2]
    return int(re.search(r"stop_grace_period: (\d+)s", part)[1])


def test_web_may_drain_longer_than_a_request_takes_and_is_killed_later():
    """A request that is in hand at the stop gets its answer, and web ends by itself."""
    assert serve.DRAIN > threads.TURN_WITHIN + threads.ANSWER_WITHIN
    assert serve.DRAIN > events.LONGEST_WAIT + threads.TURN_WITHIN
    assert grace("web") > serve.LEAVE + serve.DRAIN


def test_a_worker_may_wait_for_its_provider_and_is_killed_later():
    """Its set in hand is recorded, however silent the provider is; a look-up and a submit may run side by side."""
    assert grace("worker") > CONNECT_TIMEOUT + env.PROVIDER_TIMEOUT
