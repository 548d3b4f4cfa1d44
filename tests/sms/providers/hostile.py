"""What nobody who means well sends: made from a good request, one change at a time."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, quote_plus, urlsplit

from sms.providers.base import WebhookRequest

DEEP = 50_000
MANY = 300
RAW = (
    b"", b"\0", b"%00", b"%", b"%zz=%", b"\xff\xfe", b"=", b"&&&", b"null", b"true", b"1", b'"x"', b"[]", b"{}",
    b"[{}]", b"[null]", b"[[]]", b"{", b'{"a":', b"NaN", b'{"a": NaN}', b'{"data": null}', b'{"results": {}}',
    b"<xml/>", b"[" * DEEP, b'{"a":' * DEEP, b"[" * 900 + b"]" * 900, b'{"a": "\\ud800"}', b'"\\ud800"',
    b"&".join(b"a%d=1" % number for number in range(MANY)),
    json.dumps({f"a{number}": 1 for number in range(MANY)}).encode(),
)  # fmt: skip
VALUES = (
    None, True, 0, -1, 1.5, 10**30, "", " ", "\0", "x\0y", "x" * 100_000, "é\u202e😀", "NaN", "1e999", "-1", [], {},
    [[]], [None], [{}], ["\0"], {"a": "\0"}, [1, 2],
)  # fmt: skip
# Already encoded: not UTF-8, a lone surrogate, broken percent signs.
ENCODED = ("%ff%fe", "%ED%A0%80", "%", "%zz", "%00", "a%00b", "+", "", "%F0%9F%98", "x" * 50_000)


def requests(good: WebhookRequest) -> Iterator[WebhookRequest]:
    """Yield changed requests, not signed: other bodies and queries, and each field with each strange value."""
    yield from (replace(good, body=raw) for raw in RAW)
    yield from (replace(good, url=_with_query(good.url, raw.decode("latin-1"))) for raw in RAW if len(raw) < 5_000)
    if good.body[:1] in (b"{", b"["):
        yield from (replace(good, body=body) for body in _documents(good.body))
    else:
        yield from (replace(good, body=query.encode()) for query in _queries(good.body.decode()))
    for query in _queries(urlsplit(good.url).query):
        yield replace(good, url=_with_query(good.url, query))


def bodies(good: bytes) -> Iterator[bytes]:
    """Yield changed answers: each field of a document with each strange value, or a text cut off."""
    if good[:1] in (b"{", b"["):
        yield from _documents(good)
    yield from (good[: len(good) * part // 8] for part in range(8))


def truncated(good: WebhookRequest) -> Iterator[WebhookRequest]:
    """Yield the request cut off at several places of its body, or of its query where it has none."""
    if good.body:
        yield from (replace(good, body=good.body[: len(good.body) * part // 8]) for part in range(8))
    else:
        query = urlsplit(good.url).query
        yield from (replace(good, url=_with_query(good.url, query[: len(query) * part // 8])) for part in range(8))


def _with_query(url: str, query: str) -> str:
    return f"{url.partition('?')[0]}?{query}"


def _documents(body: bytes) -> Iterator[bytes]:
    document = json.loads(body)
    for path in _paths(document):
        for value in VALUES:
            yield json.dumps(_changed(document, path, value)).encode()
        yield json.dumps(_changed(document, path, "\udc80")).encode()
        yield json.dumps(_without(document, path)).encode()


def _paths(node: object, path: tuple = ()) -> Iterator[tuple]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from _paths(child, (*path, key))


def _parent(document: object, path: tuple) -> tuple:
    """Return a copy of the document, and in it that which has the last key of the path."""
    whole = copy.deepcopy(document)
    node = whole
    for key in path[:-1]:
        node = node[key]
    return whole, node


def _changed(document: object, path: tuple, value: object) -> object:
    whole, node = _parent(document, path)
    node[path[-1]] = value
    return whole


def _without(document: object, path: tuple) -> object:
    whole, node = _parent(document, path)
    del node[path[-1]]
    return whole


def _queries(query: str) -> Iterator[str]:
    pairs = [(quote_plus(name), quote_plus(value)) for name, value in parse_qsl(query, keep_blank_values=True)]
    for at, (name, value) in enumerate(pairs):
        before, after = pairs[:at], pairs[at + 1 :]
        yield from (_joined([*before, (name, strange), *after]) for strange in ENCODED)
        yield _joined([*before, *after])
        yield _joined([*before, (name, value), (name, "another"), *after])
        yield _joined([*before, ("another", value), *after])


def _joined(pairs: list) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)
