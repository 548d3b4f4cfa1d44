"""One connection to an SMSC, as a transceiver: many requests under way at once, each with an honest ending.

A request ends with the SMSC's answer, with NotWritten (the SMSC certainly never saw it) or with NoAnswer (it left, and
nobody knows). What the SMSC brings is answered when it is stored, and not before.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import structlog

from sms import faults
from sms.smpp import pdu
from sms.smpp.pdu import Malformed, Pdu

log = structlog.get_logger(__name__)

PAUSE: Final = 1.0  # seconds without a submit after the SMSC has said that they come too fast
GOOD_BYE_WITHIN: Final = 2.0  # seconds for the answer to an unbind
CONFIRM_AFTER: Final = 0.25  # seconds until we ask whether an answer of ours has been read
MOST_ARRIVING: Final = 1_000  # requests of the SMSC that are being stored; far more than any window
LAST_SEQUENCE: Final = 0x7FFF_FFFF

_TOO_FAST: Final = frozenset({pdu.THROTTLED, pdu.MESSAGE_QUEUE_FULL})
_CARRIES_TEXT: Final = frozenset({pdu.DELIVER_SM, pdu.DATA_SM})


class NotWritten(Exception):
    """The request did not leave us; the message says why."""


class NoAnswer(Exception):
    """The request may have left us, and no answer came; the message says why."""


class BindRefused(Exception):
    """The SMSC does not let us in."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the SMSC refuses the bind: {status:#010x}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is agreed with an SMSC."""

    window: int = 100  # submits that wait for their answer
    timeout: float = 10.0  # seconds for an answer
    enquire_link: float = 30.0  # seconds from one question whether the other side lives to the next


def _nothing() -> None:
    """Nobody wants to know."""


class Reply(NamedTuple):
    """What a request of the SMSC is answered with."""

    status: int  # 0 once it is stored
    read: Callable[[], None] = _nothing  # called when the SMSC has certainly read the answer


Take = Callable[[Pdu], Awaitable[Reply]]


class _Asked(NamedTuple):
    """A request of ours that waits."""

    number: int  # the how manieth
    command: int
    answer: asyncio.Future[Pdu]


class Session(asyncio.Protocol):
    """A connection, from the moment that it stands to its end."""

    def __init__(self, terms: Terms, take: Take) -> None:
        """`take`: called with each deliver_sm and data_sm."""
        self.closed = asyncio.Event()
        self._terms = terms
        self._take = take
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._sequence = 0
        self._written = 0  # requests
        self._unread: deque[tuple[int, Callable[[], None]]] = deque()  # after how many requests, and who wants to know
        self._asked: dict[int, _Asked] = {}
        self._window = asyncio.Semaphore(terms.window)
        self._is_ending = False
        self._may_write = asyncio.Event()
        self._held_until = 0.0  # of the monotonic clock
        self._submits = 0
        self._without_submits = asyncio.Event()
        self._without_submits.set()
        self._arriving: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's inherits from no class of asyncio
        self._may_write.set()

    def pause_writing(self) -> None:
        """Write no submit while the other side does not read: then it can be said not to have left."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._buffer += data
        try:
            for one in pdu.take(self._buffer):
                self._handle(one)
        except Malformed as error:  # where the next one begins, nobody can say
            log.warning("smpp_malformed", error=str(error))
            self._write(Pdu(pdu.GENERIC_NACK, 0, status=pdu.INVALID_LENGTH))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (whatever it was, it is over)
        """End: what is under way gets no answer any more."""
        self._is_ending = True
        self._may_write.set()  # whoever waits for that finds out
        for one in self._asked.values():
            if not one.answer.done():
                one.answer.set_exception(NoAnswer("the connection was lost"))
        for task in self._others:
            task.cancel()
        self.closed.set()

    async def bind(self, body: bytes) -> None:
        """Log in, and look from then on whether the SMSC lives. Raises BindRefused, NotWritten, NoAnswer."""
        answer = await self._ask(pdu.BIND_TRANSCEIVER, body)
        if answer.status != pdu.OK:
            raise BindRefused(answer.status)
        self._start(self._enquire(), self._others)

    async def submit(self, body: bytes, *, deadline: float) -> Pdu:
        """Submit one short message, and return the answer whatever it says. Raises NotWritten, NoAnswer.

        It does not leave after `deadline` (of the monotonic clock). It waits for its turn while the window is full, and
        for a moment after the SMSC has said that we are too fast.
        """
        self._submits += 1
        self._without_submits.clear()
        try:
            await self._await_turn(deadline)
            try:
                answer = await self._ask(pdu.SUBMIT_SM, body, deadline=deadline)
            finally:
                self._window.release()
        finally:
            self._submits -= 1
            if not self._submits:
                self._without_submits.set()
        if answer.status in _TOO_FAST:
            self._held_until = time.monotonic() + PAUSE
        return answer

    async def unbind(self) -> None:
        """Say good-bye: nothing new leaves, the answers to what has left are awaited, then the connection is closed."""
        await self._finish_submits()
        with suppress(NotWritten, NoAnswer, TimeoutError):
            async with asyncio.timeout(GOOD_BYE_WITHIN):
                await self._ask(pdu.UNBIND)
        await self._close()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def _await_turn(self, deadline: float) -> None:
        """Take a place in the window, once a submit may be written. Raises NotWritten."""
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._window.acquire()
                try:
                    await self._await_welcome()
                except BaseException:
                    self._window.release()
                    raise
        except TimeoutError:
            raise NotWritten("no turn before the lease was about to pass") from None

    async def _await_welcome(self) -> None:
        while not self._is_ending:
            if (held := self._held_until - time.monotonic()) > 0:
                await asyncio.sleep(held)
            elif not self._may_write.is_set():
                await self._may_write.wait()
            else:
                return
        raise NotWritten("the connection is closing")

    async def _ask(self, command: int, body: bytes = b"", *, deadline: float = float("inf")) -> Pdu:
        """Write a request and wait for its answer. Raises NotWritten, NoAnswer."""
        if self._transport is None or self._transport.is_closing():
            raise NotWritten("the connection is closed")
        if time.monotonic() >= deadline:  # asked in the very moment of writing: the process may have been frozen
            raise NotWritten("the lease was about to pass")
        self._sequence = self._sequence % LAST_SEQUENCE + 1
        sequence, answer = self._sequence, asyncio.get_running_loop().create_future()
        self._written += 1
        self._asked[sequence] = _Asked(self._written, command, answer)
        self._write(Pdu(command, sequence, body))
        if command == pdu.SUBMIT_SM:
            faults.reach("request_sent")
        try:
            async with asyncio.timeout(self._terms.timeout):
                found: Pdu = await answer
                return found
        except TimeoutError:
            raise NoAnswer("no answer in time") from None
        finally:
            del self._asked[sequence]

    def _write(self, one: Pdu) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(one.encode())

    def _handle(self, one: Pdu) -> None:
        if one.is_answer:
            self._settle(one)
        elif one.command in _CARRIES_TEXT:
            self._arrive(one)
        elif one.command == pdu.ENQUIRE_LINK:
            self._answer(one)
        elif one.command == pdu.UNBIND:
            self._start(self._let_go(one), self._others)
        elif one.command != pdu.ALERT_NOTIFICATION:
            self._write(Pdu(pdu.GENERIC_NACK, one.sequence, status=pdu.INVALID_COMMAND))

    def _settle(self, one: Pdu) -> None:
        asked = self._asked.get(one.sequence)
        if asked is None or one.command not in {asked.command | pdu.ANSWER, pdu.GENERIC_NACK}:
            log.info("smpp_answer_to_nothing", command=f"{one.command:#010x}", status=one.status)
        elif not asked.answer.done():
            asked.answer.set_result(one)
            # It reads in order: what was written before this request has been read, too.
            while self._unread and self._unread[0][0] < asked.number:
                self._unread.popleft()[1]()

    def _arrive(self, one: Pdu) -> None:
        if len(self._arriving) >= MOST_ARRIVING:  # not held up, or the answers behind it would be, too
            self._answer(one, status=pdu.TRY_AGAIN)
        else:
            self._start(self._store(one), self._arriving)

    async def _store(self, one: Pdu) -> None:
        try:
            status, read = await self._take(one)
        except Exception:  # whatever it is, the SMSC has to keep what is not stored
            log.exception("smpp_not_stored")
            status, read = pdu.TRY_AGAIN, _nothing
        self._answer(one, status=status)
        if read is not _nothing:
            if not self._unread:
                self._start(self._confirm(), self._others)
            self._unread.append((self._written, read))

    def _answer(self, one: Pdu, *, status: int = pdu.OK) -> None:
        body = b"\0" if one.command in _CARRIES_TEXT else b""  # a message id, which is not used
        self._write(Pdu(one.command | pdu.ANSWER, one.sequence, body, status))

    async def _let_go(self, one: Pdu) -> None:
        """Let the SMSC answer what it has, and agree to its good-bye."""
        await self._finish_submits()
        self._answer(one)
        await self._close()

    async def _finish_submits(self) -> None:
        self._is_ending = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._terms.timeout):
                await self._without_submits.wait()

    async def _close(self) -> None:
        """Close the connection, once what is being stored is stored and answered."""
        if self._arriving:
            await asyncio.wait(self._arriving, timeout=self._terms.timeout)
        if self._transport is not None:
            self._transport.close()  # after what is written has left

    async def _enquire(self) -> None:
        while not self.closed.is_set():
            await asyncio.sleep(self._terms.enquire_link)
            await self._look()

    async def _confirm(self) -> None:
        """Find out soon whether answers have been read, where nothing else is asked."""
        await asyncio.sleep(CONFIRM_AFTER)
        while self._unread and not self.closed.is_set():
            await self._look()

    async def _look(self) -> None:
        """Ask whether the SMSC lives, and leave it if it does not."""
        try:
            await self._ask(pdu.ENQUIRE_LINK)
        except (NotWritten, NoAnswer):
            log.warning("smpp_does_not_answer")
            self.abort()
            await self.closed.wait()

    def _start(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)  # loops hold tasks weakly
        task.add_done_callback(tasks.discard)
