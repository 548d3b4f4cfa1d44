"""Where something stands in a document: names and numbers with dots between them, as in messages.0.id."""

from typing import Any

import orjson


def at(document: Any, path: str) -> Any:
    """Return what stands at a path, or None. A name that has dots in it is found as well."""
    if isinstance(document, dict) and path in document:
        return document[path]
    for name in path.split("."):
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isdecimal() and len(name) < 6 and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


def word_at(document: Any, path: str | None) -> str | None:
    """Return the text, the number or the truth value at a path as a text; None for anything else."""
    found = None if path is None else at(document, path)
    if isinstance(found, str):
        return found
    return orjson.dumps(found).decode() if isinstance(found, bool | float) or is_small(found) else None


def is_small(found: Any) -> bool:
    """Whether this is a whole number that JSON can be written with."""
    return isinstance(found, int) and abs(found) < 2**63
