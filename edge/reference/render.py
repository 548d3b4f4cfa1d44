"""The description of the REST API as a page to read: HTML and a style sheet, no script."""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

Document = Mapping[str, Any]

MOST_CODES: Final = 3  # in the line that opens the others
SHOWN_LIMITS: Final = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "maxProperties": "at most {}",
}


def page(document: Document) -> str:
    """Return the page."""
    groups = [(group, list(_operations_of(document, group["name"]))) for group in document["tags"]]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(document["info"]["title"])}</title>
<link rel="icon" type="image/svg+xml" href="assets/icon.svg">
<link rel="stylesheet" href="assets/reference.css">
</head>
<body>
<nav aria-label="Contents">
<a class="home" href="#top">{escape(document["info"]["title"])}</a>
{"".join(_links(group["name"], operations) for group, operations in groups)}
<h2>Shapes</h2>
<ul>{"".join(f'<li><a href="#{name}">{name}</a></li>' for name in document["components"]["schemas"])}</ul>
</nav>
<main id="top">
<header>
<h1>{escape(document["info"]["title"])}</h1>
{_prose(document["info"]["description"])}
<p class="quiet">This page is made from <a href="../openapi.json">openapi.json</a>
(OpenAPI {document["openapi"]}), which generators of clients read.</p>
</header>
{"".join(_group(document, group, operations) for group, operations in groups)}
<section><h2>Shapes</h2>
{"".join(_shape(name, schema) for name, schema in document["components"]["schemas"].items())}
</section>
</main>
</body>
</html>
"""


def _operations_of(document: Document, group: str) -> Iterable[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if group in operation["tags"]:
                yield path, method, operation


def _links(group: str, operations: Iterable[tuple[str, str, Document]]) -> str:
    items = "".join(
        f'<li><a href="#{one["operationId"]}">{_method(method)} {escape(one["summary"])}</a></li>'
        for _, method, one in operations
    )
    return f"<h2>{escape(group)}</h2><ul>{items}</ul>"


def _group(document: Document, group: Document, operations: Iterable[tuple[str, str, Document]]) -> str:
    sections = "".join(_operation(document, path, method, one) for path, method, one in operations)
    return f"<section><h2>{escape(group['name'])}</h2>{_prose(group['description'])}{sections}</section>"


def _operation(document: Document, path: str, method: str, one: Document) -> str:
    name = one["operationId"]
    key = "" if one["security"] else '<p class="quiet">Without an API key.</p>'
    return f"""<article id="{name}">
<h3><a class="anchor" href="#{name}">{escape(one["summary"])}</a></h3>
<p class="route">{_method(method)} <code>{escape(path)}</code></p>
{_prose(one["description"])}{key}
{_parameters(one["parameters"])}
{_request(document, one.get("requestBody"))}
<h4>Answers</h4>
{"".join(_answer(document, status, answer) for status, answer in one["responses"].items())}
</article>
"""


def _method(method: str) -> str:
    return f'<span class="method {method}">{method.upper()}</span>'


def _parameters(parameters: Iterable[Document]) -> str:
    rows = "".join(
        _row(
            one["name"], {**one["schema"], "description": one["description"]}, required=one["required"], where=one["in"]
        )
        for one in parameters
    )
    return f"<h4>Parameters</h4><table>{rows}</table>" if rows else ""


def _request(document: Document, body: Document | None) -> str:
    if body is None:
        return ""
    ((media_type, content),) = body["content"].items()
    return (
        f"<h4>Body <small>{escape(media_type)}, {_kind(content['schema'])}</small></h4>"
        f"{_fields(_resolved(document, content['schema']))}{_examples(content['examples'])}"
    )


def _answer(document: Document, status: str, answer: Document) -> str:
    show = _refusal if status >= "400" else _success
    headers = "".join(
        _row(
            name,
            {**_resolved(document, one)["schema"], "description": _resolved(document, one)["description"]},
            where="header",
        )
        for name, one in answer.get("headers", {}).items()
    )
    return show(status, answer, f"<table>{headers}</table>" if headers else "")


def _success(status: str, answer: Document, headers: str) -> str:
    content = "".join(
        f'<p class="quiet">{escape(media_type)}, {_kind(one["schema"])}</p>{_examples(one["examples"])}'
        for media_type, one in answer.get("content", {}).items()
    )
    return (
        f'<details class="answer done" open><summary><span class="status">{status}</span> '
        f"{_inline(answer['description'])}</summary>{headers}{content}</details>"
    )


def _refusal(status: str, answer: Document, headers: str) -> str:
    examples = _examples_of(answer)
    shown = " ".join(f"<code>{code}</code>" for code in list(examples)[:MOST_CODES])
    more = f" and {len(examples) - MOST_CODES} more" if len(examples) > MOST_CODES else ""
    rows = "".join(
        f"<tr><td><code>{code}</code></td><td>{_inline(one['value']['detail'])}</td></tr>"
        for code, one in examples.items()
    )
    first = dict([next(iter(examples.items()))])
    return (
        f'<details class="answer refused"><summary><span class="status">{status}</span> {shown}{more}</summary>'
        f"<table>{rows}</table>{headers}{_examples(first)}</details>"
    )


def _examples_of(answer: Document) -> Mapping[str, Any]:
    examples: Mapping[str, Any] = next((one["examples"] for one in answer.get("content", {}).values()), {})
    return examples


def _examples(examples: Mapping[str, Any]) -> str:
    return "".join(
        f"<details><summary>{_inline(one.get('summary', name))}</summary>"
        f"<pre><code>{_json(one['value'])}</code></pre></details>"
        for name, one in examples.items()
    )


def _json(value: object) -> str:
    return escape(json.dumps(value, indent=2, ensure_ascii=False), quote=False)


def _shape(name: str, schema: Document) -> str:
    return (
        f'<article class="shape" id="{name}"><h3><a class="anchor" href="#{name}">{name}</a></h3>'
        f"{_prose(schema.get('description', ''))}{_fields(schema)}{_words(schema)}</article>"
    )


def _fields(schema: Document) -> str:
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    if required == set(properties):  # nothing to tell apart
        required = set()
    rows = "".join(_row(name, one, required=name in required) for name, one in properties.items())
    return f"<table>{rows}</table>" if rows else ""


def _row(name: str, schema: Document, *, required: bool = False, where: str = "") -> str:
    marks = "".join(f' <span class="mark">{one}</span>' for one in (where, "required" if required else "") if one)
    limits = ", ".join(_limits(schema))
    return (
        f"<tr><td><code>{escape(name)}</code>{marks}</td><td>{_kind(schema)}</td>"
        f"<td>{_inline(schema.get('description', ''))}"
        f"{f'<div class=quiet>{limits}</div>' if limits else ''}{_words(schema)}</td></tr>"
    )


def _limits(schema: Document) -> Iterable[str]:
    for keyword, sentence in SHOWN_LIMITS.items():
        if keyword in schema:
            yield sentence.format(f"{schema[keyword]:,}")
    if "default" in schema:
        yield f"if not given: <code>{escape(json.dumps(schema['default']))}</code>"


def _words(schema: Document) -> str:
    meanings = schema.get("x-enumDescriptions")
    if not meanings:
        return " ".join(f"<code>{escape(str(one))}</code>" for one in schema.get("enum", ()))
    rows = "".join(
        f"<tr><td><code>{word}</code></td><td>{_inline(said or '')}</td></tr>" for word, said in meanings.items()
    )
    return f"<table>{rows}</table>"


def _kind(schema: Document) -> str:
    """Return the type of a field in words, with links to the shapes."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if "type" not in schema:
        return "anything"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if kinds[0] == "array":
        return f"list of {_kind(schema['items'])}" + (" or null" if "null" in kinds else "")
    if kinds[0] == "object" and isinstance(schema.get("additionalProperties"), dict):
        kinds = ["object of texts", *kinds[1:]]
    first = schema.get("format", kinds[0])
    return " or ".join([first, *kinds[1:]])


def _resolved(document: Document, schema: Document) -> Any:
    """Return what a reference points at; of several possible shapes the first."""
    if "anyOf" in schema:
        schema = schema["anyOf"][0]
    if "$ref" not in schema:
        return schema
    found: Any = document
    for name in schema["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def _prose(text: str) -> str:
    return "".join(f"<p>{_inline(one)}</p>" for one in text.split("\n\n") if one)


def _inline(text: str) -> str:
    """Return a sentence with `code` marked as such."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
