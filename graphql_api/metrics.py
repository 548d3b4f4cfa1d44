"""What the live side of one process holds at the moment, for Prometheus: it goes back when the clients are gone."""

import asyncio
from typing import Final

from prometheus_client import Counter, Gauge

SOCKETS: Final = Gauge("sms_websockets_open", "Websocket connections, from the handshake until the connection is gone.")
OPERATIONS: Final = Gauge("sms_websocket_operations", "Operations that run on websockets.")
STREAMS: Final = Gauge("sms_event_streams_open", "Operations whose results are told as server-sent events.")
WATCHERS: Final = Gauge("sms_live_watchers", "Subscriptions that wait for changes of a message.")
FEEDS: Final = Gauge("sms_live_feeds", "Subscriptions that follow all changes of an account.")
LISTENERS: Final = Gauge("sms_live_listeners", "Accounts whose hints this process listens for.")
TASKS: Final = Gauge("sms_asyncio_tasks", "Tasks of the event loop, of whatever kind.")
CLOSED: Final = Counter(
    "sms_websockets_closed",
    "Websockets that ended, by the close code and why.",
    ["code", "why"],
)


def count_tasks_of(loop: asyncio.AbstractEventLoop) -> None:
    """Let TASKS tell how many tasks this loop has whenever it is asked, from whatever thread."""
    TASKS.set_function(lambda: len(asyncio.all_tasks(loop)))
