"""What workers read from the broker."""

import pickle

import pytest
import redis
from django.conf import settings
from kombu import Queue
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads, prepare_accept_content

from config.celery import app


def test_only_json_is_read_from_the_queue():
    """A pickle would run as code, whoever put it there."""
    accepted = prepare_accept_content(app.conf.accept_content)
    assert loads(b'{"run": "now"}', "application/json", "utf-8", accept=accepted) == {"run": "now"}
    with pytest.raises(ContentDisallowed):
        loads(pickle.dumps({}), "application/x-python-serialize", "binary", accept=accepted)


def test_a_worker_takes_what_it_may_and_redis_keeps_no_account_of_it():
    """Nudges may be lost, and are not worth two more ways to the broker; but one worker leaves the rest to others."""
    with redis.Redis.from_url(settings.SMS_REDIS_URL) as broker, app.connection_for_read() as connection:
        queue, taken = Queue("tests.taken"), []
        channel = connection.channel()
        broker.delete(queue.name, "unacked", "unacked_index")
        try:
            with connection.Producer(channel) as producer:
                for number in range(3):
                    producer.publish(number, exchange="", routing_key=queue.name, declare=[queue])
            consumer = connection.Consumer(queue, channel=channel, on_message=taken.append)
            consumer.qos(prefetch_count=1)
            with consumer:
                connection.drain_events(timeout=5)
                with pytest.raises(TimeoutError):
                    connection.drain_events(timeout=0.3)
                assert (len(taken), broker.llen(queue.name)) == (1, 2)
                assert not broker.exists("unacked", "unacked_index")
                taken[0].ack()
                connection.drain_events(timeout=5)
                assert [one.payload for one in taken] == [0, 1]
        finally:
            channel.close()
            broker.delete(queue.name, f"_kombu.binding.{queue.name}")
