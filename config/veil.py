"""What a line of the log may tell, whoever wrote it.

Two processors: the first makes one event of a library's words, the last looks at every key and value of any event.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from structlog.typing import EventDict

from sms.phone_numbers import mask_all
from sms.redaction import HIDDEN, Secrets, all_of, words_of

# Facts that are never told, whoever has them under one of these names; the last line's are Celery's.
SILENT: Final = frozenset({
    "authorization", "body", "content", "document", "headers", "locals", "metadata", "params", "password", "payload",
    "query", "secret", "signature", "sql", "text", "token", "variables",
    "args", "exc", "kwargs", "result", "return_value", "traceback",
})  # fmt: skip
# What servers and Django say of a request has its path: told are the words that are ours, and ids.
TELL_PATHS: Final = ("daphne", "django", "uvicorn")
PATH_WORDS: Final = frozenset(
    [
        "admin",
        "api",
        "assets",
        "batch",
        "cancel",
        "dlr",
        "docs",
        "events",
        "explain",
        "graphql",
        "healthz",
        "inbound",
        "me",
        "messages",
        "metrics",
        "openapi.json",
        "opt-outs",
        "plan",
        "readyz",
        "status",
        "webhooks",
    ]
)
_path: Final = re.compile(r"(?<![\w:/.*])/[^\s\"')]*")
_is_id: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch
_place_and_kind: Final = re.compile(r"^.*?:[0-9]+: \w+")
_behind_the_words: Final = re.compile(r"[(<{\[\"']")
SHORTEST_WORDS: Final = 4  # fewer characters are found in anything
LARGE: Final = 10**10  # no count: it could be somebody's number
PLAIN: Final = frozenset({"uuid", "datetime", "decimal", "pathlib"})  # whose objects are told by their `str`


def tell_of_libraries(_: object, __: str, event: EventDict) -> EventDict:
    """Put a library's words together, less what they could quote: errors are told in our way, paths by their words."""
    if event["_from_structlog"]:
        return event
    logger = event["_record"].name
    tell = _path_or_plain if logger.startswith(TELL_PATHS) else _plain
    said = _fill_in(event["_record"].msg, event.pop("positional_args", ()), tell)
    error = _error_in(event.get("exc_info"))
    for one in () if error is None else all_of(error):
        for words in (repr(one), str(one)):
            if len(words) >= SHORTEST_WORDS:
                said = said.replace(words, type(one).__name__)
    said = said.partition("\n")[0]
    if tell is _path_or_plain:
        said = _path.sub(lambda found: path_shown(found[0]), said)
    if logger == "asyncio":  # of a callback it shows the arguments, of a task its result
        said = _behind_the_words.split(said)[0].strip()
    elif logger == "py.warnings":  # where somebody has them logged; Celery warns in its tasks' words
        said = "".join(_place_and_kind.findall(said)[:1])
    event["event"] = said
    return event


def _fill_in(said: object, args: object, tell: Callable[[Any], Any]) -> str:
    if isinstance(said, BaseException):
        return words_of(said)
    if not args:
        return str(said)
    if isinstance(args, Mapping):
        return str(said) % {name: HIDDEN if name in SILENT else tell(value) for name, value in args.items()}
    assert isinstance(args, tuple)
    return str(said) % tuple(map(tell, args))


def _plain(value: Any) -> Any:
    return words_of(value) if isinstance(value, BaseException) else value


def _path_or_plain(value: Any) -> Any:
    return path_shown(value) if isinstance(value, str) and value.startswith("/") else _plain(value)


def _error_in(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
    return exc_info if isinstance(exc_info, BaseException) else None


def path_shown(path: str) -> str:
    """Return a path as a log may have it: with its query and all unknown parts hidden."""
    path, query, _ = path.partition("?")
    parts = path.split("/")
    has_token = "webhooks" in parts  # which a provider's address ends with, and which may look like an id
    shown = "/".join(
        part if part in PATH_WORDS or not part or (_is_id(part) and not has_token) else HIDDEN for part in parts
    )
    return f"{shown}{query and '?'}{query and HIDDEN}"


class Veil:
    """The last step before a line is written: looks at every key and value in it, whoever put it there."""

    def __init__(self, region: str, secrets: Collection[str]) -> None:
        self._region = region
        self._secrets = Secrets(secrets)

    def __call__(self, _: object, __: str, event: EventDict) -> EventDict:
        """Return the event without texts, numbers and secrets."""
        if isinstance(path := event.get("path"), str):
            event["path"] = path_shown(path)
        return self._mapping(event)

    def _mapping(self, given: Mapping[Any, Any]) -> dict[str, Any]:
        return {
            self._text(str(name)): HIDDEN if str(name).lower() in SILENT else self._value(value)
            for name, value in given.items()
        }

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int):
            return value if abs(value) < LARGE else self._large(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(one) for one in value]
        return self._text(_told(value))

    def _text(self, text: str) -> str:
        return mask_all(self._secrets.hide(text), default_region=self._region)

    def _large(self, number: int) -> int | str:
        shown = self._text(f"+{number}")
        return number if "*" not in shown or shown == HIDDEN else shown


def _told(value: Any) -> str:
    """Return what is told of an object: little, for it could show whatever it holds, such as a request or a row."""
    if isinstance(value, BaseException):
        return words_of(value)
    return str(value) if type(value).__module__ in PLAIN else f"<{type(value).__name__}>"
