"""Trusted documents: those that the operator knows, which clients may name instead of sending them.

A request names one as `documentId` (GraphQL over HTTP, draft, "Persisted Documents") or, as Apollo's clients do, as
`extensions.persistedQuery.sha256Hash`. No client can register one: what is unknown is refused.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
from django.conf import settings
from graphql import GraphQLError, GraphQLSchema

from graphql_api import limits
from sms.errors import ErrorCode

APOLLO_FORMAT: Final = "apollo-persisted-query-manifest"
SUFFIX: Final = ".graphql"

_by_id: dict[str, str] = {}
_texts: set[str] = set()
_only = False  # whether no others are run


def load(path: str, schema: GraphQLSchema, *, only: bool = False) -> None:
    """Trust the documents of a manifest or a directory, or none if there is no path, from now on; `only` these are run.

    They are parsed and checked, and never fall out of the memory for documents. Raises SystemExit with one sentence if
    the file cannot be read, or a document cannot be run.
    """
    global _only  # noqa: PLW0603  a process serves one set of documents
    try:
        documents = _read(Path(path)) if path else {}
        for name, text in documents.items():
            _check(name, text, schema)
        limits.keep(schema, documents.values())
    except (OSError, ValueError) as error:
        raise SystemExit(f"GRAPHQL_TRUSTED_DOCUMENTS={path} cannot be used: {error}; see docs/graphql.md") from None
    hashes = {sha256(text.encode()).hexdigest(): text for text in documents.values()}
    _by_id.clear()
    _by_id.update({**hashes, **{f"sha256:{name}": text for name, text in hashes.items()}, **documents})
    _texts.clear()
    _texts.update(documents.values())
    _only = only


def text_of(request: Mapping[str, Any]) -> str | None:
    """Return the document that a request brings or names; None if it does neither.

    Raises GraphQLError if it names one that is unknown, or brings one that is not trusted where only those may be run.
    """
    text: str | None = request.get("query")
    if text:
        if _only and text not in _texts:
            raise _refused(
                ErrorCode.DOCUMENT_NOT_TRUSTED, "This service runs trusted documents only; name one of them."
            )
        return text
    if (name := request.get("documentId")) is not None:
        if name not in _by_id:
            raise _refused(ErrorCode.DOCUMENT_NOT_FOUND, "There is no trusted document with this id.")
        return _by_id[name]
    if (name := _hash_of(request)) is not None:
        if name not in _by_id:
            raise _not_found_for_apollo()
        return _by_id[name]
    return text


def names_one(request: Mapping[str, Any]) -> bool:
    """Whether a request names a document."""
    return request.get("documentId") is not None or _hash_of(request) is not None


def _hash_of(request: Mapping[str, Any]) -> str | None:
    extension = (request.get("extensions") or {}).get("persistedQuery")
    name = extension.get("sha256Hash") if isinstance(extension, dict) else None
    return name if isinstance(name, str) else None


def _not_found_for_apollo() -> GraphQLError:
    """Return what makes the common clients send the document itself: once, or from now on if nothing is trusted."""
    if _by_id:
        return _refused(ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
    return _refused(ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED, "PersistedQueryNotSupported")


def _refused(code: ErrorCode, detail: str) -> GraphQLError:
    return GraphQLError(detail, extensions={"code": code})


def _read(path: Path) -> dict[str, str]:
    """Return the documents by their ids. Raises OSError or ValueError."""
    if path.is_dir():
        documents: object = {one.stem: one.read_text("utf-8") for one in sorted(path.glob(f"*{SUFFIX}"))}
    else:
        documents = orjson.loads(path.read_bytes())
    if isinstance(documents, dict) and documents.get("format") == APOLLO_FORMAT:
        documents = _from_apollo(documents)
    if not isinstance(documents, dict) or not all(isinstance(one, str) for pair in documents.items() for one in pair):
        raise ValueError("it must be an object of documents by their ids, or a manifest of Apollo's")
    if not documents:
        raise ValueError("it has no documents")
    return documents


def _from_apollo(manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest.get("version") != 1:
        raise ValueError("it is a manifest of Apollo's, but not of version 1")
    documents: dict[str, Any] = {}
    try:
        for operation in manifest["operations"]:
            if documents.setdefault(operation["id"], operation["body"]) != operation["body"]:
                raise ValueError(f"it has two documents with the id {operation['id']!r}")
    except (KeyError, TypeError):
        raise ValueError("its operations must be a list, each with an id and a body") from None
    return documents


def _check(name: str, text: str, schema: GraphQLSchema) -> None:
    """Raise ValueError if a document cannot be run, whatever its variables are."""
    try:
        prepared = limits.prepare(schema, text)
    except GraphQLError as error:
        raise ValueError(f"document {name!r}: {error.message}") from None
    if prepared.errors:
        raise ValueError(f"document {name!r}: {prepared.errors[0].message}")
    limit = settings.SMS_GRAPHQL_COST_LIMIT
    if any(price.cost.points > limit for price in prepared.prices.values()):
        raise ValueError(f"document {name!r} costs more than GRAPHQL_COST_LIMIT={limit}")
