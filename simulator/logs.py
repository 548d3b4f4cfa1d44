"""The simulator's log: a line for each unusual thing, without texts, and with numbers masked, whoever writes it."""

import logging
import re
import sys
import traceback
from typing import Final, TextIO

from simulator.phone_numbers import mask

# A reference of ours is hexadecimal; so many digits in a row elsewhere may be a number.
LENGTH_OF_REFERENCE: Final = 32
_perhaps_a_number: Final = re.compile(r"(?<![0-9a-z])[0-9a-f]{32}(?![0-9a-z])|\+?[0-9]{7,}")
_behind_the_words: Final = re.compile(r"[(<{\[\"']")


def configure(level: str) -> None:
    """Log to stderr, and libraries not below INFO: there they show what they carry."""
    handler = Handler(sys.stderr)
    handler.setFormatter(Formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.INFO, logging.getLevelName(level)))
    logging.getLogger("simulator").setLevel(level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class Handler(logging.StreamHandler[TextIO]):
    """Writes lines. Of a record that cannot be written it tells only whose it was."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Say so, where logging itself would print the record's arguments."""
        self.stream.write(f"a record of {record.name} could not be written\n")


class Formatter(logging.Formatter):
    """Masks what is said, of which only the first line counts, and tells an error by its type and place.

    An error's own words may quote a message, and asyncio's the arguments of a callback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the stack trace behind it."""
        said = record.getMessage().partition("\n")[0]
        _, error, trace = record.exc_info or (None, None, None)
        for words in filter(None, (repr(error), str(error)) if error is not None else ()):
            said = said.replace(words, type(error).__name__)
        if record.name == "asyncio":
            said = _behind_the_words.split(said)[0]
        said = _perhaps_a_number.sub(_masked, said)
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {said}"
        return line if error is None else f"{line}\n{''.join(traceback.format_tb(trace))}{type(error).__name__}"


def _masked(found: re.Match[str]) -> str:
    is_reference = len(found[0]) == LENGTH_OF_REFERENCE and not found[0].isdecimal()
    return found[0] if is_reference else mask(found[0])
