"""A settings file, read so that each mistake is told with its place."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

E = TypeVar("E", bound=StrEnum)

LARGEST: Final = 1024 * 1024  # bytes


class Table:
    """A table of the file, which knows where it stands. Everything here raises ValueError with a sentence."""

    def __init__(self, content: Mapping[str, Any], place: str = "") -> None:
        self._content = content
        self._place = place
        self._asked: set[str] = set()

    @classmethod
    def from_file(cls, file: str) -> "Table":
        """Read a file of TOML, or of JSON where its name ends like that."""
        try:
            with Path(file).open("rb") as opened:
                octets = opened.read(LARGEST)
        except OSError as error:
            raise ValueError(f"It cannot be read: {error.strerror}.") from None
        try:
            is_json = file.lower().endswith(".json")
            content = orjson.loads(octets) if is_json else tomllib.loads(octets.decode())
        except UnicodeDecodeError:
            raise ValueError("It must be in UTF-8.") from None
        except (tomllib.TOMLDecodeError, orjson.JSONDecodeError) as error:
            raise ValueError(f"It is not {'JSON' if is_json else 'TOML'}: {error}.") from None
        if not isinstance(content, dict):
            raise ValueError("It must be an object.")  # noqa: TRY004  one kind of error for all that is wrong
        return cls(content)

    def place_of(self, name: str) -> str:
        """Return where something stands, as in request.headers.Accept."""
        return f"{self._place}.{name}" if self._place else name

    def wrong(self, name: str, sentence: str) -> ValueError:
        """Return an error about something in this table."""
        return ValueError(f"'{self.place_of(name)}' {sentence}")

    def raw(self, name: str) -> Any:
        """Return whatever is there, or None."""
        self._asked.add(name)
        return self._content.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text, which has to be there unless there is a default."""
        found = self.raw(name)
        if found is None and default is not None:
            return default
        if not isinstance(found, str) or (not found and default is None):
            raise self.wrong(name, "must be a text." if name in self._content else "is missing.")
        return found

    def perhaps(self, name: str) -> str | None:
        """Return a text, or None where there is none."""
        return self.text(name) if name in self._content else self.raw(name)

    def choice(self, name: str, options: Iterable[str], default: str | None = None) -> str:
        """Return one of several words."""
        found = self.text(name, default)
        if found not in options:
            raise self.wrong(name, f"must be one of: {', '.join(options)}.")
        return found

    def number(self, name: str, default: float, *, lowest: float, highest: float) -> float:
        """Return a number."""
        found = self.raw(name)
        if found is None:
            return default
        if isinstance(found, bool) or not isinstance(found, int | float) or not lowest <= found <= highest:
            raise self.wrong(name, f"must be a number from {lowest:g} to {highest:g}.")
        return float(found)

    def texts(self, name: str, default: Sequence[str] = ()) -> Sequence[str]:
        """Return a list of texts; numbers and truth values in it are taken as JSON writes them."""
        found = self.raw(name)
        if found is None:
            return default
        if not isinstance(found, list) or not all(isinstance(one, str | int | float) for one in found):
            raise self.wrong(name, "must be a list of texts.")
        return [one if isinstance(one, str) else orjson.dumps(one).decode() for one in found]

    def has(self, name: str) -> bool:
        """Whether something is there."""
        return name in self._content

    def table(self, name: str) -> "Table":
        """Return a table below this one, which is empty where it is not there."""
        found = self.raw(name)
        if found is not None and not isinstance(found, dict):
            raise self.wrong(name, "must be a table.")
        return Table(found or {}, self.place_of(name))

    def translation(self, name: str, allowed: Iterable[E]) -> Mapping[str, E]:
        """Return a table from the provider's words to ours."""
        below, known = self.table(name), {one.value: one for one in allowed}
        return {word: known[below.choice(word, known)] for word in below.names()}

    def content(self) -> Mapping[str, Any]:
        """Return all that is in this table, as it is."""
        return self._content

    def names(self) -> Sequence[str]:
        """Return all names in this table."""
        return list(self._content)

    def finish(self) -> None:
        """Refuse what nobody has asked for: a slip would otherwise mean nothing, without a word."""
        for name in self._content:
            if name not in self._asked:
                raise self.wrong(name, f"is not known here; what is: {', '.join(sorted(self._asked))}.")
