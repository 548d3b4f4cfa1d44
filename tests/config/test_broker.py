"""What workers read from the broker."""

import pickle

import pytest
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads, prepare_accept_content

from config.celery import app


def test_only_json_is_read_from_the_queue():
    """A pickle would run as code, whoever put it there."""
    accepted = prepare_accept_content(app.conf.accept_content)
    assert loads(b'{"run": "now"}', "application/json", "utf-8", accept=accepted) == {"run": "now"}
    with pytest.raises(ContentDisallowed):
        loads(pickle.dumps({}), "application/x-python-serialize", "binary", accept=accepted)
