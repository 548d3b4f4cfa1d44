"""The provider's receipts reach the service, also over a connection that it has closed meanwhile."""

import asyncio

from benchmarks.provider.receipts import Outbox


async def test_a_connection_that_was_closed_while_it_rested_is_replaced():
    """The service closes connections that rest for long, and all of them when it starts anew."""
    took, closed = [], asyncio.Event()

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        took.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        outbox = Outbox(host="127.0.0.1", port=port, connections=1, delay=0.0, most=1)
        for name in ("first", "second"):
            closed.clear()
            outbox.report(reference=name, client_reference=name, to="+233201234567")
            async with asyncio.timeout(5):
                await closed.wait()
                while outbox.open:
                    await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)  # until the client has seen that, too
    assert [b"first" in took[0], b"second" in took[1]] == [True, True]
