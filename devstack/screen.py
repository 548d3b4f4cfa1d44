"""What the person at the terminal sees: plain lines, colour only where it is wanted."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def _paint(code: str, text: str) -> str:
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\033[{code}m{text}\033[0m"


def bold(text: str) -> str:
    """`text` to be noticed first."""
    return _paint("1", text)


def faint(text: str) -> str:
    """`text` that may be overlooked."""
    return _paint("2", text)


def green(text: str) -> str:
    """`text` that says all is well."""
    return _paint("32", text)


def say(text: str = "", *, end: str = "\n") -> None:
    """Print at once. A terminal that has gone away is no error: the stack still has to be stopped."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        # Without this the interpreter would try the same write again at its exit, and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    """Print what went wrong, where errors belong: the sentence in red, a log below it as it is."""
    sentence, newline, rest = text.partition("\n")
    with suppress(OSError):
        print(f"\n{_paint('31', sentence)}{newline}{rest}", file=sys.stderr, flush=True)


class Step:
    """One line that shows what is being done and how long it takes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.started = time.monotonic()

    def tick(self) -> None:
        """Show the seconds so far, in a terminal."""
        if sys.stdout.isatty():
            say(f"\r  {self.text} {faint(f'{time.monotonic() - self.started:4.1f} s')}", end="")

    def done(self) -> None:
        """Write the finished line."""
        start = "\r" if sys.stdout.isatty() else ""
        say(f"{start}  {self.text} {faint(f'{time.monotonic() - self.started:4.1f} s')}")


@contextmanager
def step(text: str) -> Iterator[Step]:
    """Announce `text`, and write how long the block took; a block that fails leaves its line without a time."""
    line = Step(f"{text} {'.' * max(2, 44 - len(text))}")
    line.tick()
    try:
        yield line
    except BaseException:
        if sys.stdout.isatty():
            say()
        raise
    line.done()
