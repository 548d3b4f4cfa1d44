"""Serve one route whose provider has a connection of its own: keep that, and hand over what is due on the route.

The pump is the one of the workers, so claims, leases and records are, too: any number of processes may serve a route.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog

from sms.errors import Unavailable
from sms.providers.base import DeliveryReport, InboundText
from sms.providers.http import client
from sms.providers.registry import get_provider
from sms.providers.smpp import Smpp
from sms.routing import snapshot
from sms.services import inbound, receive
from sms.services.submit import Pump

log = structlog.get_logger(__name__)

BREATHE: Final = 1.0  # seconds before another connection takes the place of one that failed by our own fault
LOOK_EVERY: Final = 0.1  # seconds; nudges go to the workers
GRACE: Final = 5.0  # seconds without a connection in which messages wait for the next one; then they may go elsewhere


class NotServed(Exception):
    """There is no route of that name, or none that is served like this; the message says which."""


def serve(route_name: str, *, stop: threading.Event) -> None:
    """Serve a route until `stop`; then nothing more is claimed, what is under way is finished, and the SMSC is told.

    The route's options may change meanwhile: then there is a new connection. Raises NotServed, Unavailable.
    """
    pump = Pump(serves=lambda provider: provider.name == route_name)
    asking = threading.Thread(target=_ask_regularly, args=(pump, stop), name="asks for what is due", daemon=True)
    asking.start()
    while not stop.is_set():
        connection = Connection(_provider(route_name))
        try:
            _work(pump, connection, route_name, stop)
        finally:
            connection.end()


class Connection:
    """The connection of a provider, kept on the providers' event loop."""

    def __init__(self, provider: Smpp) -> None:
        self.provider = provider
        self._bound_at = time.monotonic()  # or so: it has GRACE to come about
        self._stop = asyncio.Event()
        self.ended = threading.Event()
        client.start(self._keep())

    @property
    def takes_messages(self) -> bool:
        """Whether messages may be handed over: not in the moments in which a lost connection comes back."""
        now = time.monotonic()
        if self.provider.is_bound:
            self._bound_at = now
        return self.provider.is_bound or now - self._bound_at > GRACE

    def end(self) -> None:
        """Unbind, and return when that is done."""
        client.run(self._ask_to_stop())
        self.ended.wait()

    async def _keep(self) -> None:
        try:
            await self.provider.keep_bound(partial(_store, self.provider.name), stop=self._stop)
        except Exception:
            log.exception("smpp_failed", route=self.provider.name)
        finally:
            self.ended.set()

    async def _ask_to_stop(self) -> None:
        self._stop.set()


async def _store(route_name: str, reports: Sequence[DeliveryReport], texts: Sequence[InboundText]) -> None:
    """Store what the SMSC brought; returns after the commit. Raises Unavailable."""
    await receive.keep(route_name, reports, b"")
    if texts:
        await inbound.keep(route_name, texts)


def _work(pump: Pump, connection: Connection, route_name: str, stop: threading.Event) -> None:
    """Hand over what is due until `stop`, or until there has to be another connection."""

    def may_claim() -> bool:
        return not stop.is_set() and connection.takes_messages

    while not stop.is_set():
        try:
            pump.run(may_claim)
            if _provider(route_name) is not connection.provider:
                return
            if connection.ended.is_set():
                stop.wait(BREATHE)
                return
        except Unavailable:
            log.warning("database_away")
        if not connection.takes_messages or not pump.is_asked:
            stop.wait(LOOK_EVERY)


def _provider(route_name: str) -> Smpp:
    snapshot.current()
    try:
        provider = get_provider(route_name)
    except (KeyError, ValueError) as error:
        why = error.args[0] if isinstance(error, ValueError) else "there is none"
        raise NotServed(f"The route {route_name} cannot be served: {why}.") from None
    if not isinstance(provider, Smpp):
        raise NotServed(f"The route {route_name} is served by the workers.")
    return provider


def _ask_regularly(pump: Pump, stop: threading.Event) -> None:
    while not stop.wait(LOOK_EVERY):
        pump.ask()
