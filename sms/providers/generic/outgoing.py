"""How a message becomes a request, and what the answer means, as a settings file says."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

import orjson

from sms.providers import payloads
from sms.providers.base import Outcome
from sms.providers.errors import ProviderError
from sms.providers.generic.places import at, word_at
from sms.providers.generic.table import Table
from sms.providers.generic.templates import Template, Values, fill_tree, parse_tree
from sms.providers.http import Answer, Request, basic

METHODS: Final = ("POST", "PUT", "GET")
FORMATS: Final = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
OK: Final = ("200", "201", "202")
OURS: Final = "{attempt_id}"  # as the reference, where the provider gives none


@dataclass(frozen=True, slots=True)
class Requests:
    """The template of a request. It has the secrets in it."""

    method: str
    path: Template
    format: str
    query: Mapping[str, Template] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)

    @classmethod
    def read(cls, table: Table, secrets: Mapping[str, str]) -> "Requests":
        """Read the table [request]. Raises ValueError with a sentence."""
        method = table.choice("method", METHODS, "POST")
        format_ = table.choice("format", FORMATS, "json")
        path = _template(table, "path", table.text("path"), secrets)
        query = _templates(table.table("query"), secrets)
        headers = _headers(table, secrets)
        body = parse_tree(table.table("body").content(), place=table.place_of("body"), secrets=secrets)
        if method == "GET" and body:
            raise table.wrong("body", "is not sent with GET; say 'query'.")
        if format_ == "form" and any(isinstance(one, dict | list) for one in body.values()):
            raise table.wrong("body", "is a form: texts and numbers only.")
        table.finish()
        return cls(method, path, format_, query, headers, body)

    def make(self, base_url: str, values: Values) -> Request:
        """Return the request for a message. Signs in its address are encoded; what has no value is left out."""
        path = self.path.fill({name: one and quote(one, safe="") for name, one in values.items()})
        pairs = [(name, text) for name, one in self.query.items() if (text := one.fill(values)) is not None]
        url = f"{base_url}/{(path or '').lstrip('/')}" + (f"?{urlencode(pairs)}" if pairs else "")
        if self.method == "GET":
            return Request("GET", url, headers=self.headers)
        document = fill_tree(self.body, values)
        octets = orjson.dumps(document) if self.format == "json" else urlencode(document).encode()
        return Request(self.method, url, octets, FORMATS[self.format], self.headers)


def _headers(table: Table, secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers: only secrets are filled into them, never what somebody else wrote."""
    below = table.table("headers")
    filled = {name: _template(below, name, below.text(name), secrets, allowed=()).fill({}) for name in below.names()}
    headers = {name: text or "" for name, text in filled.items()}
    if table.has("basic"):
        user = table.table("basic")
        parts = [
            _template(user, one, user.text(one), secrets, allowed=()).fill({}) or "" for one in ("user", "password")
        ]
        user.finish()
        headers |= basic(*parts)
    for name, text in headers.items():
        if not (text.isprintable() and name.isascii() and name.replace("-", "").isalnum()):
            raise below.wrong(name, "is no header: it has a sign that a header cannot have.")
    return headers


def _templates(table: Table, secrets: Mapping[str, str]) -> Mapping[str, Template]:
    return {name: _template(table, name, table.text(name), secrets) for name in table.names()}


def _template(table: Table, name: str, text: str, secrets: Mapping[str, str], **options: Sequence[str]) -> Template:
    try:
        return Template.parse(text, secrets=secrets, **options)
    except ValueError as error:
        raise table.wrong(name, str(error)) from None


@dataclass(frozen=True, slots=True)
class Answers:
    """What an answer means."""

    ok: Sequence[str]  # HTTP statuses of a yes, or of a no with reasons
    pattern: re.Pattern[str] | None  # for an answer in plain text; its named groups are the fields
    success: str | None  # a path whose word says yes or no
    yes: Sequence[str]
    no: Sequence[str]
    reference: str
    error_code: str | None
    errors: Mapping[str, ProviderError]

    @classmethod
    def read(cls, table: Table) -> "Answers":
        """Read the table [response]. Raises ValueError with a sentence."""
        try:
            pattern = re.compile(text) if (text := table.perhaps("pattern")) else None
        except re.error as error:
            raise table.wrong("pattern", f"is no regular expression: {error}.") from None
        found = cls(
            ok=table.texts("ok", OK),
            pattern=pattern,
            success=table.perhaps("success"),
            yes=table.texts("yes"),
            no=table.texts("no"),
            reference=table.text("reference"),
            error_code=table.perhaps("error_code"),
            errors=table.translation("errors", ProviderError),
        )
        if (found.success is None) != (not found.yes):
            raise table.wrong("yes", "lists the words at 'success' that mean yes: neither goes without the other.")
        table.finish()
        return found

    def outcome(self, answer: Answer, attempt_id: UUID) -> Outcome:
        """Say how a submission ended: a yes has a reference, and a no is listed; else nobody knows."""
        document = self._document(answer)
        code = payloads.code(word_at(document, self.error_code))
        if str(answer.status) not in self.ok:
            return answer.failure(code, self.errors)
        word = word_at(document, self.success)
        if self.success is None or word in self.yes:
            reference = str(attempt_id) if self.reference == OURS else payloads.reference(at(document, self.reference))
            if reference is not None:
                return Outcome.sent(reference)
        if code is not None and code in self.errors:
            return Outcome.not_sent(self.errors[code], f"code {code}", provider_error=code)
        if word is not None and word in self.no:
            detail = "refused" if code is None else f"refused, code {code}"
            return Outcome.not_sent(ProviderError.UNCLASSIFIED, detail, provider_error=code)
        return Outcome.maybe_sent(f"HTTP {answer.status}, and no answer that the settings explain")

    def _document(self, answer: Answer) -> Any:
        if self.pattern is None:
            return answer.json()
        found = self.pattern.search(answer.text())
        return found.groupdict() if found else None
