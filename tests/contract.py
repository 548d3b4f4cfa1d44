"""The description of REST as a contract: whatever the service answers in a test has to be in it."""

import json
import re
from functools import cache
from urllib.parse import quote, urlsplit

import jsonschema_rs

from config.asgi import REFERENCE
from edge.endpoint import Endpoint
from rest_api import app as rest_api
from webhooks import app as webhooks

ENDPOINTS: dict[str, Endpoint] = {**rest_api.ENDPOINTS, **webhooks.ENDPOINTS}
BODILESS = {"204", "304"}
OPEN = {"Problem", "BatchProblem", "Receipt"}  # the first two are one document, the third is a provider's


@cache
def document():
    """The description, as a client parses it."""
    return json.loads(json.dumps(REFERENCE.document))


@cache
def _strict():
    """Its schemas, but closed: a client ignores members that are described nowhere, a test does not."""
    return {
        name: {"additionalProperties": False, **schema} if "properties" in schema and name not in OPEN else schema
        for name, schema in document()["components"]["schemas"].items()
    }


@cache
def _patterns():
    """Paths as patterns, the fixed ones first."""
    paths = sorted(document()["paths"], key=lambda path: "{" in path)
    return [(path, re.compile(re.sub(r"\{\w+\}", "[^/]*", path.rstrip("/")) + "/?")) for path in paths]


@cache
def validator(*pointer):
    """A validator of the schema at a place of the document, formats and all."""
    reference = "#/" + "/".join(quote(part.replace("~", "~0").replace("/", "~1"), safe="~") for part in pointer)
    components = {**document()["components"], "schemas": _strict()}
    whole = {"$ref": reference, "components": components, "paths": document()["paths"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def operation_of(method, url):
    """The path of the document that a request is for, and its operation; None for what is described nowhere."""
    path = urlsplit(url).path
    for known, pattern in _patterns():
        if pattern.fullmatch(path):
            return known, document()["paths"][known].get("get" if method == "HEAD" else method.lower())
    return None


def check(method, url, answer):
    """Fail unless the description has this answer: its status, media type, headers, code and shape."""
    found = operation_of(method, url)
    if found is None:
        return
    path, operation = found
    if operation is None:
        assert answer.status in {400, 405}, (method, path, answer)  # 400: to a host name that is not ours
        return
    status = str(answer.status)
    assert status in operation["responses"], f"{method} {path} answered {status}, which is described nowhere"
    described = operation["responses"][status]
    _check_headers(described, answer, f"{method} {path} {status}")
    if method == "HEAD" or status in BODILESS:
        return
    ((media_type, _),) = described["content"].items()
    given = answer.headers["content-type"]
    assert given == media_type, f"{method} {path} {status} is {given}"
    place = ("paths", path, method.lower(), "responses", status, "content", media_type, "schema")
    error = next(validator(*place).iter_errors(answer.json()), None)
    assert error is None, f"{method} {path} {status}: {error}"


def _check_headers(described, answer, where):
    for name in described.get("headers", {}):
        header = document()["components"]["headers"][name]
        value = answer.headers.get(name.lower())
        assert value is not None or not header.get("required"), f"{where} has no header {name}"
        if value is not None:
            shown = int(value) if header["schema"].get("type") == "integer" else value
            assert validator("components", "headers", name, "schema").is_valid(shown), (where, name, value)
