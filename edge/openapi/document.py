"""The description of the REST API in OpenAPI 3.1, made from what the edges say of their routes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, NotRequired, TypedDict

from edge import problems
from edge.meanings import MEANING_OF_CODE
from edge.openapi import headers
from edge.openapi.operations import Answer, Body, Operation, Parameter
from edge.openapi.schemas import About, Schema, Schemas
from sms.errors import ErrorCode

VERSION: Final = "1.0.0"  # of the API; the first number changes never: see docs/rest.md
BEARER: Final = "apiKey"


class Problem(TypedDict):
    """Why a request was refused (RFC 9457); go by `code`."""

    type: Annotated[str, About("Always `about:blank`: the code says more than an address.")]
    title: Annotated[str, About("The status in words.")]
    status: Annotated[int, About("The status, again.")]
    code: Annotated[str, About("Stable: codes are added, never renamed.", of=ErrorCode)]
    detail: Annotated[str, About("A sentence that a person can act on. It may change.")]
    field: NotRequired[Annotated[str, About("The part of the request to mend, such as `messages[3].text`.")]]


class Group(TypedDict):
    """What several operations have in common."""

    name: str
    description: str


def document(
    operations: Iterable[Operation], *, title: str, description: str, groups: Sequence[Group]
) -> dict[str, Any]:
    """Return the whole document."""
    schemas = Schemas()
    problem = schemas.of(Problem)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas, problem)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": VERSION,
            "description": description,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The service that this was read from."}],
        "tags": list(groups),
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "headers": dict(headers.HEADERS),
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key: `Authorization: Bearer <key>`. Where the operator lets requests come "
                    "without one, as the quickstart does on the own machine, it may be left out.",
                }
            },
        },
    }


def _operation(one: Operation, schemas: Schemas, problem: Schema) -> dict[str, Any]:
    answers = {str(answer.status.value): _answer(answer, schemas) for answer in one.answers}
    for status, codes in one.refusals.items():
        answers[str(status.value)] = _refusal(one, status, codes, schemas, problem)
    shown: dict[str, Any] = {
        "operationId": one.name,
        "tags": [one.group],
        "summary": one.summary,
        "description": one.description,
        "security": [{BEARER: []}] if one.needs_key else [],
        "parameters": [_parameter(parameter, schemas) for parameter in one.parameters],
        "responses": answers,
    }
    if one.body is not None:
        shown["requestBody"] = {"required": True, "content": {"application/json": _body(one.body, schemas)}}
    return shown


def _parameter(one: Parameter, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.of(one.kind)
    shown = {
        "name": one.name,
        "in": one.where,
        "required": one.is_required,
        "description": schema.pop("description", ""),
        "schema": {"type": "array", "items": schema} if one.is_list else schema,
    }
    if one.example is not None:
        shown["example"] = [one.example] if one.is_list else one.example
    return shown


def _body(one: Body, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.of(one.kind) if one.loose_name is None else schemas.without_limits(one.kind, name=one.loose_name)
    return {"schema": schema, "examples": _examples(one.examples)}


def _answer(one: Answer, schemas: Schemas) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": one.description}
    if one.headers:
        shown["headers"] = _headers(one.headers)
    if one.kind is not None:
        shown["content"] = {one.media_type: {"schema": schemas.of(one.kind), "examples": _examples(one.examples)}}
    if one.links:
        shown["links"] = {
            name: {"operationId": name, "description": description, "parameters": {"id": "$response.body#/id"}}
            for name, description in one.links.items()
        }
    return shown


def _refusal(
    one: Operation, status: HTTPStatus, codes: Collection[ErrorCode], schemas: Schemas, problem: Schema
) -> dict[str, Any]:
    narrower = {"properties": {"status": {"const": status.value}, "code": {"enum": [code.value for code in codes]}}}
    parts = [problem, narrower] + ([schemas.of(one.more[status])] if status in one.more else [])
    content = {
        "schema": {"allOf": parts},
        "examples": {code.value: {"value": _example(status, code)} for code in codes},
    }
    return {
        "description": " ".join(f"`{code}`: {MEANING_OF_CODE[code]}" for code in codes),
        "headers": _headers([*_usual_headers(one, status), *one.headers.get(status, ())]),
        "content": {problems.MEDIA_TYPE: content},
    }


def _example(status: HTTPStatus, code: ErrorCode) -> Problem:
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "detail": MEANING_OF_CODE[code],
    }


def _usual_headers(one: Operation, status: HTTPStatus) -> Sequence[str]:
    if status is HTTPStatus.UNAUTHORIZED and not one.needs_key:
        return ()  # there is no scheme to name
    return headers.OF_STATUS.get(status, ())


def _headers(names: Sequence[str]) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _examples(examples: Mapping[str, object]) -> dict[str, Any]:
    return {
        f"example{n}": {"summary": summary, "value": value} for n, (summary, value) in enumerate(examples.items(), 1)
    }
