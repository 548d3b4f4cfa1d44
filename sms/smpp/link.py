"""Keeps a connection to an SMSC: bound again after each loss, and unbound at the end."""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from sms.retry import Backoff
from sms.smpp import pdu
from sms.smpp.session import BindRefused, NoAnswer, NotWritten, Session, Take, Terms

log = structlog.get_logger(__name__)

CONNECT_WITHIN: Final = 5.0  # seconds
RECONNECT: Final = Backoff(attempts=2**31, first=1.0, longest=60.0)  # some SMSCs bar who knocks too often
STABLE: Final = 60.0  # seconds after which a connection was a good one: the next try is the first again


@dataclass(frozen=True, slots=True, kw_only=True)
class Smsc:
    """Where an SMSC is, and who we are there."""

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    version: int = 0x34
    tls: bool = False

    def bind_body(self) -> bytes:
        """Return the body of our bind. Raises ValueError for texts that no bind can carry."""
        return pdu.encode_bind(
            system_id=self.system_id, password=self.password, system_type=self.system_type, version=self.version
        )


class Link:
    """The connection to one SMSC, when there is one."""

    def __init__(self, smsc: Smsc, terms: Terms, *, name: str) -> None:
        """`name`: of the route, for the log."""
        self.session: Session | None = None
        self._smsc = smsc
        self._terms = terms
        self._log = log.bind(route=name)

    async def keep(self, take: Take, *, lost: Callable[[], None], stop: asyncio.Event) -> None:
        """Stay bound until `stop`, and unbind then.

        `take` is what `Session` says of it; `lost` is called after the end of each connection.
        """
        failures = 0
        while not stop.is_set():
            began = time.monotonic()
            try:
                self.session = await self._connect(take)
            except (OSError, TimeoutError, BindRefused, NotWritten, NoAnswer) as error:
                self._log.warning("smpp_not_bound", error=type(error).__name__, status=getattr(error, "status", None))
            else:
                self._log.info("smpp_bound")
                await self._use(self.session, stop)
                self.session = None
                lost()
                self._log.info("smpp_unbound", seconds=round(time.monotonic() - began))
            failures = 1 if time.monotonic() - began > STABLE else failures + 1
            await _first(stop, within=RECONNECT.delay(failures))

    async def _use(self, session: Session, stop: asyncio.Event) -> None:
        await _first(stop, session.closed)
        if not session.closed.is_set():
            await session.unbind()
            await _first(session.closed, within=self._terms.timeout)
            session.abort()

    async def _connect(self, take: Take) -> Session:
        smsc = self._smsc
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context() if smsc.tls else None
        async with asyncio.timeout(CONNECT_WITHIN):
            _, session = await loop.create_connection(
                lambda: Session(self._terms, take), smsc.host, smsc.port, ssl=context
            )
        try:
            await session.bind(smsc.bind_body())
        except BaseException:
            session.abort()
            raise
        return session


async def _first(*events: asyncio.Event, within: float | None = None) -> None:
    """Wait for the first of some events, for so many seconds at most."""
    waits = [asyncio.ensure_future(one.wait()) for one in events]
    try:
        await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
