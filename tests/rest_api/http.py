"""REST over HTTP for tests: the edge called as a server calls it, in this process, without workers."""

import asyncio
from urllib.parse import urlencode

from rest_api.app import application
from tests import contract
from tests.http import Answer

KEY = "sms_test_key_of_the_rest_tests"


def request(method, path, *, query=(), key=KEY, headers=None):
    """Make one request of the edge; `query` are names and values, or the bytes of a query string."""
    raw = query if isinstance(query, bytes) else urlencode(query).encode()
    given = {"host": "localhost", "authorization": f"Bearer {key}"}
    answer = asyncio.run(_request(method, path, raw, given, headers))
    contract.check(method, path, answer)
    return answer


async def _request(method, path, query, given, more):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in {**given, **(more or {})}.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}
    await application(scope, receive, send)
    start, body = sent
    return Answer(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, body["body"])


def problem(answer):
    """What a refusal says: the status and the code."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status
    return answer.status, answer.json()["code"]
