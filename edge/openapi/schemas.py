"""JSON Schema (2020-12, as OpenAPI 3.1 has it) of the types that the edges check requests by and answer with.

A field of a TypedDict says of itself what its type does not: `size: Annotated[int, About("In bytes.", minimum=1)]`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    NotRequired,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from uuid import UUID

from edge.meanings import MEANINGS

Schema = dict[str, Any]

PLAIN: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    UUID: {"type": "string", "format": "uuid"},
    object: {},
}
# Keywords that a rule of the domain stands behind; the shape of a request is checked without them.
LIMITS: Final = frozenset(
    {
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "maxProperties",
        "propertyNames",
        "pattern",
    }
)


T = TypeVar("T")
CLOSED: Final[set[Any]] = set()


class About:
    """What a type does not tell of a field."""

    def __init__(self, description: str, *, of: type[Enum] | None = None, **keywords: Any) -> None:
        """Take a sentence, the enum whose words a text has, and keywords of JSON Schema such as `maxLength`."""
        self.description = description
        self.of = of
        self.keywords = keywords


def closed(kind: type[T]) -> type[T]:
    """Mark a TypedDict whose documents may have no other members. Answers are never closed: they grow."""
    CLOSED.add(kind)
    return kind


class Schemas:
    """Writes schemas; those with a name are collected, to be written once."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type: a reference where it has a name."""
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._described(arguments[0], *arguments[1:])
        if origin is NotRequired:
            return self.of(arguments[0])
        if origin in {Union, UnionType}:
            return _any_of([self.of(one) for one in arguments if one is not NoneType], NoneType in arguments)
        if origin in {list, Sequence}:
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        return dict(PLAIN[kind]) if kind in PLAIN else self._named(kind)

    def without_limits(self, kind: Any, *, name: str) -> Schema:
        """Return the schema of a TypedDict, under another name, without what only a rule of the domain forbids."""
        if name not in self.components:
            hints = get_type_hints(kind, include_extras=True)
            loose = {field: self.of(_loose(hint)) for field, hint in hints.items()}
            self.components[name] = {**self._fields(kind), "properties": loose}
        return _reference(name)

    def _described(self, kind: Any, about: About) -> Schema:
        if about.of is not None:
            kind = about.of | None if NoneType in get_args(kind) else about.of
        return {**self.of(kind), "description": about.description, **about.keywords}

    def _named(self, kind: Any) -> Schema:
        name = kind.__name__
        if name not in self.components:
            self.components[name] = {}  # a type may have itself in it
            self.components[name] = self._fields(kind) if is_typeddict(kind) else words(kind)
        return _reference(name)

    def _fields(self, kind: Any) -> Schema:
        hints = get_type_hints(kind, include_extras=True)
        schema: Schema = {
            "type": "object",
            "description": kind.__doc__,
            "properties": {name: self.of(hint) for name, hint in hints.items()},
            "required": [name for name in hints if name in kind.__required_keys__],
        }
        return {**schema, "additionalProperties": False} if kind in CLOSED else schema


def words(enum: type[Enum]) -> Schema:
    """Return the schema of an enum, with a sentence for each of its words."""
    meanings = MEANINGS.get(enum, {})
    shown = {one.value if isinstance(one.value, str) else one.name: meanings.get(one) for one in enum}
    schema: Schema = {"type": "string", "enum": list(shown)}
    if meanings:
        schema["x-enumDescriptions"] = shown
    return schema


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _loose(hint: Any) -> Any:
    if get_origin(hint) is NotRequired:
        return _loose(get_args(hint)[0])
    kind, about = get_args(hint)
    keywords = {keyword: value for keyword, value in about.keywords.items() if keyword not in LIMITS}
    return Annotated[kind, About(about.description, **keywords)]


def _any_of(schemas: list[Schema], is_nullable: bool) -> Schema:  # noqa: FBT001  one of two parts of a union
    only = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    if not is_nullable:
        return only
    if "type" in only and "enum" not in only:
        return {**only, "type": [only["type"], "null"]}
    return {"anyOf": [*only.get("anyOf", [only]), {"type": "null"}]}
