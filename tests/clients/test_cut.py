"""A stream that was cut is not taken for one that has come to its end."""

import asyncio

from graphql_api import sse
from sms.database import in_thread
from tests.accounts import make_caller
from tests.graphql_api.conftest import KEY, serving
from tests.messages import store


async def test_a_cut_stream_is_an_error(node, transactional_db, monkeypatch):
    """Clients that know of no `complete` see that the response is not whole; graphql-sse comes back by itself."""
    monkeypatch.setattr(sse, "LIFETIME", 0.5)
    message = await in_thread(store, await in_thread(lambda: make_caller("cut", key=KEY)))
    async with serving() as served:
        seen = await asyncio.to_thread(node, "cut.js", f"{served.url}/graphql/", KEY, str(message.id))
    assert seen == {"fetch": "TypeError", "urql": "CombinedError", "graphql_sse": "it came back"}
