"""Tells the web processes what has happened. Runs after the commit, on a thread of its own, never asynchronously.

The channel layer's own `group_send` would make an event loop and a connection for every call from a worker (3.3 ms); a
plain PUBLISH in the layer's wire form takes 0.08 ms.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from graphql_api.hints import group_of, texts_hint, to_hint
from sms.events import StatusChanged, TextReceived

AT_ONCE: Final = 500  # changes in one message
TIMEOUT: Final = 1.0  # seconds


def publish(changes: Sequence[StatusChanged]) -> None:
    """Send one hint to each account concerned. Raises redis.RedisError; readers mend what is lost."""
    with _client().pipeline(transaction=False) as pipeline:
        for account_id, all_of_it in _by_account(changes).items():
            for start in range(0, len(all_of_it), AT_ONCE):
                pipeline.publish(*wire(group_of(account_id), to_hint(all_of_it[start : start + AT_ONCE])))
        pipeline.execute()


def publish_received(texts: Sequence[TextReceived]) -> None:
    """Send one hint to each account that texts came for. Raises redis.RedisError; readers mend what is lost."""
    accounts = {one.account_id for one in texts if one.account_id is not None}
    if not accounts:
        return
    with _client().pipeline(transaction=False) as pipeline:
        for account_id in accounts:
            pipeline.publish(*wire(group_of(account_id), texts_hint()))
        pipeline.execute()


def _by_account(changes: Sequence[StatusChanged]) -> dict[UUID, list[StatusChanged]]:
    sorted_out = defaultdict(list)
    for change in changes:
        sorted_out[change.account_id].append(change)
    return sorted_out


def wire(group: str, message: dict[str, Any]) -> tuple[str, bytes]:
    """Return the Redis channel and the bytes that `RedisPubSubChannelLayer.group_send` would send."""
    return f"{_layer()['prefix']}__group__{group}", get_channel_layer().serialize(message)


def _layer() -> Any:
    return settings.CHANNEL_LAYERS["default"]["CONFIG"]


def _client() -> redis.Redis:
    return _connect(_layer()["hosts"][0]["address"])


@cache
def _connect(address: str) -> redis.Redis:
    return redis.Redis.from_url(
        address,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 1),  # once more, at once: the kept connection may have died since the last time
    )
