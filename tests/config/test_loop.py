"""New connections do not wait behind the open ones."""

import asyncio
import os
import resource
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import uvloop

from config.loop import Loop

CLIENTS = 50
ROUNDS = 10
SPARE_FILES = 12


class Greeter(asyncio.Protocol):
    """Says hello to whoever comes in."""

    def connection_made(self, transport):
        """Greet."""
        transport.write(b"hello")


@pytest.fixture
def loop():
    """Our loop, not running."""
    loop = Loop()
    yield loop
    end(loop)


@contextmanager
def knocking(loop, number):
    """A server, and clients that have connected to it without the loop's doing."""
    server = loop.run_until_complete(loop.create_server(Greeter, "127.0.0.1", 0, backlog=CLIENTS))
    address = server.sockets[0].getsockname()
    with ExitStack() as at_the_end:
        clients = [at_the_end.enter_context(socket.create_connection(address, timeout=10)) for _ in range(number)]
        for client in clients:
            client.setblocking(False)
        yield clients
        loop.run_until_complete(shut(server))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=10)


def greeted(clients):
    """How many have been greeted."""
    count = 0
    for client in clients:
        try:
            count += client.recv(5, socket.MSG_PEEK) == b"hello"
        except BlockingIOError:
            continue
    return count


def end(loop):
    """Let the loop notice that its clients have gone, and close it."""
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()


async def some_rounds():
    """Let the loop go round a few times."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


async def shut(server):
    """Close a server."""
    server.close()
    await server.wait_closed()


def test_all_who_wait_are_let_in_within_a_few_rounds(loop):
    """Uvloop itself takes one in each round, so it would take fifty."""
    with knocking(loop, CLIENTS) as clients:
        loop.run_until_complete(some_rounds())
        assert greeted(clients) == CLIENTS


def test_uvloop_still_needs_this():
    """When this fails, `config.loop` can go."""
    loop = uvloop.new_event_loop()
    with knocking(loop, CLIENTS) as clients:
        loop.run_until_complete(some_rounds())
        assert greeted(clients) < CLIENTS
    end(loop)


def test_without_free_files_clients_wait_and_are_let_in_later(loop):
    """Nothing breaks, and nobody is turned away."""
    with knocking(loop, CLIENTS) as clients:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
        taken = [os.open("/dev/null", os.O_RDONLY)]
        while taken[-1] < highest:  # numbers that were free below it would be spare files, too
            taken.append(os.open("/dev/null", os.O_RDONLY))
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken[-1] + SPARE_FILES, before[1]))
        try:
            loop.run_until_complete(some_rounds())
            assert greeted(clients) < CLIENTS
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for one in taken:
                os.close(one)
        while greeted(clients) < CLIENTS:
            loop.run_until_complete(asyncio.sleep(0.01))
