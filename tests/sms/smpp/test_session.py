"""How each request ends when the other side behaves in every way that it may: on real sockets."""

import asyncio
import socket
import struct
import time
from contextlib import asynccontextmanager

import pytest

from sms.smpp import pdu, session
from sms.smpp.pdu import Pdu
from sms.smpp.session import BindRefused, NoAnswer, NotWritten, Reply, Session, Terms

FOREVER = float("inf")
SUBMIT_SM_RESP = pdu.SUBMIT_SM | pdu.ANSWER
DELIVER_SM_RESP = pdu.DELIVER_SM | pdu.ANSWER


class Peer:
    """The other side: it reads PDUs, and does by itself nothing but let us in."""

    def __init__(self, status=pdu.OK):
        self.status = status  # of the answer to a bind
        self.came = asyncio.Queue()
        self.is_closed = asyncio.Event()

    async def serve(self, reader, writer):
        self.reader, self.writer = reader, writer
        buffer = bytearray()
        try:
            while octets := await reader.read(65_536):
                buffer += octets
                for one in pdu.take(buffer):
                    if one.command == pdu.BIND_TRANSCEIVER:
                        self.say(one.command | pdu.ANSWER, one.sequence, b"smsc\0", self.status)
                    else:
                        self.came.put_nowait(one)
        except ConnectionError:
            pass
        self.is_closed.set()
        writer.close()

    def say(self, command, sequence, body=b"", status=pdu.OK):
        self.writer.write(Pdu(command, sequence, body, status).encode())

    async def next(self, command=pdu.SUBMIT_SM):
        """Return what came next, which has to be of this kind."""
        found = await asyncio.wait_for(self.came.get(), 5)
        assert found.command == command
        return found

    def reset(self):
        """Die with whatever is in hand."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


async def refuse(_):
    """Store nothing: nothing should come."""
    raise AssertionError


@asynccontextmanager
async def connected(peer, take=refuse, **terms):
    """A session that is bound to the peer."""
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    _, made = await asyncio.get_running_loop().create_connection(
        lambda: Session(Terms(**{"timeout": 0.5, "window": 5} | terms), take), *address
    )
    try:
        await made.bind(b"")
        yield made
    finally:
        made.abort()
        await asyncio.wait_for(made.closed.wait(), 5)
        server.close()


def start(made, body=b"x", *, deadline=FOREVER):
    """Submit something, without waiting for how it ends."""
    return asyncio.create_task(made.submit(body, deadline=deadline))


async def test_answers_find_their_requests_in_any_order():
    """Many are under way at once, and each gets its own answer, whatever that says."""
    peer = Peer()
    async with connected(peer) as made:
        asked = [start(made, b"%d" % n) for n in range(5)]
        came = [await peer.next() for _ in asked]
        for one in reversed(came):
            peer.say(SUBMIT_SM_RESP, one.sequence, one.body + b"\0", status=int(one.body))
        found = await asyncio.gather(*asked)
    assert [(one.body, one.status) for one in found] == [(b"%d\0" % n, n) for n in range(5)]
    assert len({one.sequence for one in came}) == 5


async def test_no_more_are_under_way_than_agreed():
    """The window's sixth waits for one of five to end."""
    peer = Peer()
    async with connected(peer) as made:
        asked = [start(made) for _ in range(6)]
        came = [await peer.next() for _ in range(5)]
        await asyncio.sleep(0.05)
        assert peer.came.empty()
        peer.say(SUBMIT_SM_RESP, came[3].sequence)
        peer.say(SUBMIT_SM_RESP, (await peer.next()).sequence)
        ends = await asyncio.wait(asked, timeout=0.2)
        assert len(ends[0]) == 2


async def test_silence():
    """An SMSC that does not answer may have the message."""
    peer = Peer()
    async with connected(peer, timeout=0.1) as made:
        with pytest.raises(NoAnswer, match="no answer in time"):
            await start(made)


async def test_an_answer_that_comes_too_late_is_for_nobody():
    """It does not end another request, and the connection goes on."""
    peer = Peer()
    async with connected(peer, timeout=0.1) as made:
        with pytest.raises(NoAnswer):
            await start(made)
        late = await peer.next()
        second = start(made)
        one = await peer.next()
        peer.say(SUBMIT_SM_RESP, late.sequence, b"late\0")
        peer.say(SUBMIT_SM_RESP, one.sequence, b"mine\0")
        assert (await second).body == b"mine\0"


@pytest.mark.parametrize(
    "command", [pdu.ENQUIRE_LINK | pdu.ANSWER, pdu.DELIVER_SM | pdu.ANSWER, pdu.BIND_TRANSCEIVER | pdu.ANSWER]
)
async def test_an_answer_to_something_else_is_none(command):
    """The sequence alone does not make an answer."""
    peer = Peer()
    async with connected(peer) as made:
        asked = start(made)
        one = await peer.next()
        peer.say(command, one.sequence, b"1\0")
        peer.say(SUBMIT_SM_RESP, one.sequence, b"2\0")
        assert (await asked).body == b"2\0"


async def test_a_generic_nack_is_an_answer():
    """5.0 and 3.4 alike: what the SMSC cannot read it refuses so."""
    peer = Peer()
    async with connected(peer) as made:
        asked = start(made)
        peer.say(pdu.GENERIC_NACK, (await peer.next()).sequence, status=pdu.INVALID_COMMAND)
        assert ((await asked).command, (await asked).status) == (pdu.GENERIC_NACK, pdu.INVALID_COMMAND)


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_connection_that_is_lost(how):
    """What had left may be there; what had not left is not; and nothing leaves any more."""
    peer = Peer()
    async with connected(peer) as made:
        asked = [start(made) for _ in range(7)]
        for _ in range(5):
            await peer.next()
        peer.writer.close() if how == "close" else peer.reset()
        ends = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in ends] == [NoAnswer] * 5 + [NotWritten] * 2
        with pytest.raises(NotWritten):
            await start(made)


async def test_nothing_leaves_after_the_deadline():
    """Neither at once, nor when a place in the window comes too late."""
    peer = Peer()
    async with connected(peer, window=1) as made:
        with pytest.raises(NotWritten):
            await start(made, deadline=time.monotonic() - 0.001)
        first, late = start(made), start(made, deadline=time.monotonic() + 0.1)
        with pytest.raises(NotWritten):
            await late
        peer.say(SUBMIT_SM_RESP, (await peer.next()).sequence)
        await first
        assert peer.came.empty()


async def test_nothing_is_written_to_a_peer_that_does_not_read():
    """What would wait in our own buffers can be said not to have left."""
    peer = Peer()
    async with connected(peer, window=10_000, timeout=5) as made:
        peer.writer.transport.pause_reading()
        asked = [start(made, b"x" * 10_000, deadline=time.monotonic() + 0.5) for _ in range(2_000)]
        await asyncio.wait(asked, timeout=1.5)
        ended = [one.exception() for one in asked if one.done()]
        assert {type(one) for one in ended} == {NotWritten}
        assert 100 < len(ended) < 2_000
        peer.writer.transport.resume_reading()
        for _ in range(2_000 - len(ended)):
            await peer.next()
        await asyncio.sleep(0.05)
        assert peer.came.empty()
        made.abort()
        await asyncio.gather(*asked, return_exceptions=True)


@pytest.mark.parametrize("status", [pdu.THROTTLED, pdu.MESSAGE_QUEUE_FULL])
async def test_too_fast(status, monkeypatch):
    """After that word nothing is submitted for a while."""
    monkeypatch.setattr(session, "PAUSE", 0.3)
    peer = Peer()
    async with connected(peer) as made:
        first = start(made)
        peer.say(SUBMIT_SM_RESP, (await peer.next()).sequence, status=status)
        assert (await first).status == status
        began = time.monotonic()
        second = start(made)
        peer.say(SUBMIT_SM_RESP, (await peer.next()).sequence)
        await second
        assert time.monotonic() - began >= 0.29


async def test_a_bind_that_is_refused():
    """The status is told, and nothing else."""
    with pytest.raises(BindRefused, match="0x0000000e") as refused:
        async with connected(Peer(status=0x0E)):
            pass
    assert refused.value.status == 0x0E


async def test_what_comes_is_answered_when_it_is_stored():
    """Store first, then answer; and what takes long holds nobody up."""
    may_store, taken = asyncio.Event(), []

    async def take(one):
        taken.append(one.body)
        if one.body == b"slow":
            await may_store.wait()
        return Reply(pdu.OK if one.body != b"later" else pdu.TRY_AGAIN)

    peer = Peer()
    async with connected(peer, take):
        for sequence, body in enumerate((b"slow", b"quick", b"later"), 11):
            peer.say(pdu.DELIVER_SM, sequence, body)
        peer.say(pdu.DATA_SM, 14, b"data")
        assert [(one.sequence, one.status) for one in [await peer.next(DELIVER_SM_RESP) for _ in range(2)]] == [
            (12, pdu.OK),
            (13, pdu.TRY_AGAIN),
        ]
        assert await peer.next(pdu.DATA_SM | pdu.ANSWER) == Pdu(pdu.DATA_SM | pdu.ANSWER, 14, b"\0")
        may_store.set()
        assert await peer.next(DELIVER_SM_RESP) == Pdu(DELIVER_SM_RESP, 11, b"\0")
    assert taken == [b"slow", b"quick", b"later", b"data"]


@pytest.mark.parametrize("by", ["an answer to a submit", "an answer to the question that is asked for it"])
async def test_an_answer_that_was_read(by, monkeypatch):
    """The SMSC reads in order: who answers a later request of ours has read our answer. An earlier one tells none."""
    monkeypatch.setattr(session, "CONFIRM_AFTER", 60 if "submit" in by else 0.05)
    read = asyncio.Event()

    async def take(_):
        return Reply(pdu.OK, read.set)

    peer = Peer()
    async with connected(peer, take) as made:
        before = start(made)
        early = await peer.next()
        peer.say(pdu.DELIVER_SM, 1, b"x")
        await peer.next(DELIVER_SM_RESP)
        peer.say(SUBMIT_SM_RESP, early.sequence)
        await before
        assert not read.is_set()
        after = start(made) if "submit" in by else None
        later = await peer.next(pdu.SUBMIT_SM if after else pdu.ENQUIRE_LINK)
        assert not read.is_set()
        peer.say(later.command | pdu.ANSWER, later.sequence)
        await asyncio.wait_for(read.wait(), 1)
        await (after or asyncio.sleep(0.1))
        assert peer.came.empty()


async def test_a_bug_of_ours_loses_nothing():
    """Whatever fails, the SMSC keeps what it brought."""
    peer = Peer()
    async with connected(peer):  # whose `take` fails
        peer.say(pdu.DELIVER_SM, 1, b"x")
        assert (await peer.next(DELIVER_SM_RESP)).status == pdu.TRY_AGAIN


async def test_more_than_can_be_stored_stays_at_the_smsc(monkeypatch):
    """The rest is refused at once, and answers of the SMSC are still read."""
    monkeypatch.setattr(session, "MOST_ARRIVING", 2)
    may_store = asyncio.Event()

    async def take(_):
        await may_store.wait()
        return Reply(pdu.OK)

    peer = Peer()
    async with connected(peer, take) as made:
        for sequence in (1, 2, 3):
            peer.say(pdu.DELIVER_SM, sequence, b"x")
        assert await peer.next(DELIVER_SM_RESP) == Pdu(DELIVER_SM_RESP, 3, b"\0", pdu.TRY_AGAIN)
        asked = start(made)
        peer.say(SUBMIT_SM_RESP, (await peer.next()).sequence)
        await asked
        may_store.set()
        assert {(await peer.next(DELIVER_SM_RESP)).sequence for _ in range(2)} == {1, 2}


async def test_questions_of_the_smsc():
    """Whether we live is answered, what nobody knows is refused, and an alert wants no answer."""
    peer = Peer()
    async with connected(peer):
        peer.say(pdu.ALERT_NOTIFICATION, 1)
        peer.say(pdu.ENQUIRE_LINK, 2)
        peer.say(0x111, 3)
        assert await peer.next(pdu.ENQUIRE_LINK | pdu.ANSWER) == Pdu(pdu.ENQUIRE_LINK | pdu.ANSWER, 2)
        assert await peer.next(pdu.GENERIC_NACK) == Pdu(pdu.GENERIC_NACK, 3, status=pdu.INVALID_COMMAND)


async def test_a_stream_that_is_no_smpp_is_ended():
    """Where the next PDU begins, nobody can say: what is under way has no answer."""
    peer = Peer()
    async with connected(peer) as made:
        asked = start(made)
        await peer.next()
        peer.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(NoAnswer):
            await asked
        assert made.closed.is_set()


async def test_a_dead_connection_is_noticed():
    """An SMSC that does not say that it lives is left."""
    peer = Peer()
    async with connected(peer, timeout=0.2, enquire_link=0.1) as made:
        peer.say(pdu.ENQUIRE_LINK | pdu.ANSWER, (await peer.next(pdu.ENQUIRE_LINK)).sequence)
        await peer.next(pdu.ENQUIRE_LINK)
        assert not made.closed.is_set()
        await asyncio.wait_for(made.closed.wait(), 1)


async def test_good_bye():
    """Nothing new leaves, what has left is awaited, what is being stored is answered, and then it ends."""
    may_store = asyncio.Event()

    async def take(_):
        await may_store.wait()
        return Reply(pdu.OK)

    peer = Peer()
    async with connected(peer, take, timeout=2) as made:
        asked = start(made)
        one = await peer.next()
        leaving = asyncio.create_task(made.unbind())
        await asyncio.sleep(0)
        with pytest.raises(NotWritten):
            await start(made)
        assert peer.came.empty()
        peer.say(SUBMIT_SM_RESP, one.sequence, b"1\0")
        assert (await asked).body == b"1\0"
        unbind = await peer.next(pdu.UNBIND)
        peer.say(pdu.DELIVER_SM, 7, b"x")
        peer.say(pdu.UNBIND | pdu.ANSWER, unbind.sequence)
        await asyncio.sleep(0.05)
        assert not leaving.done()
        may_store.set()
        assert (await peer.next(DELIVER_SM_RESP)).status == pdu.OK
        await leaving
        await asyncio.wait_for(peer.is_closed.wait(), 1)


async def test_good_bye_to_somebody_who_does_not_answer(monkeypatch):
    """Then it ends all the same."""
    monkeypatch.setattr(session, "GOOD_BYE_WITHIN", 0.1)
    peer = Peer()
    async with connected(peer, timeout=0.2) as made:
        asked = start(made)
        await peer.next()
        await made.unbind()
        with pytest.raises(NoAnswer):
            await asked
        await asyncio.wait_for(peer.is_closed.wait(), 1)


async def test_the_smsc_says_good_bye():
    """It gets to answer what it has, and then our agreement."""
    peer = Peer()
    async with connected(peer) as made:
        asked = start(made)
        one = await peer.next()
        peer.say(pdu.UNBIND, 99)
        await asyncio.sleep(0.05)
        with pytest.raises(NotWritten):
            await start(made)
        peer.say(SUBMIT_SM_RESP, one.sequence, b"1\0")
        assert (await asked).body == b"1\0"
        assert await peer.next(pdu.UNBIND | pdu.ANSWER) == Pdu(pdu.UNBIND | pdu.ANSWER, 99)
        await asyncio.wait_for(peer.is_closed.wait(), 1)


async def test_sequences_begin_anew(monkeypatch):
    """After the last comes 1, not 0 and not one that the standard forbids."""
    peer = Peer()
    async with connected(peer) as made:
        made._sequence = session.LAST_SEQUENCE - 1
        asked = [start(made) for _ in range(2)]
        came = [await peer.next() for _ in asked]
        for one in came:
            peer.say(SUBMIT_SM_RESP, one.sequence)
        await asyncio.gather(*asked)
    assert [one.sequence for one in came] == [session.LAST_SEQUENCE, 1]
