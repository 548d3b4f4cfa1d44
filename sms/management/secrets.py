"""How an operator's command is given a secret: never as an argument, which other people on the machine can read."""

import getpass
import os
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import NamedTuple

from django.core.management.base import CommandError


class Source(NamedTuple):
    """Where to find a secret: `env:VARIABLE`, `file:PATH`, or nothing to be asked for it."""

    option: str
    place: str


def source(word: str) -> Source:
    """Read NAME, NAME=env:VARIABLE or NAME=file:PATH. Raises ArgumentTypeError, without repeating what was written."""
    option, _, place = word.partition("=")
    if place and not place.startswith(("env:", "file:")):
        raise ArgumentTypeError(
            f"a secret is not given on the command line: write {option}=env:VARIABLE, {option}=file:PATH, or {option}"
        )
    return Source(option, place)


def read(found: Source) -> str:
    """Return the secret. Raises CommandError."""
    kind, _, place = found.place.partition(":")
    if kind == "env":
        secret = os.environ.get(place, "")
    elif kind == "file":
        secret = _contents(place)
    else:
        secret = ask(found.option)
    if not secret:
        raise CommandError(f"There is nothing in {found.place or found.option}.")
    return secret


def can_ask() -> bool:
    """Whether somebody sits there who could be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask(option: str) -> str:
    """Return what somebody types, without showing it; of a pipe, its next line. Raises CommandError."""
    if can_ask():
        return getpass.getpass(f"{option}: ")
    line = sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""
    if not line:
        raise CommandError(f"There is nobody to ask for {option}: give it as env:VARIABLE or file:PATH.")
    return line


def _contents(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {type(error).__name__}.") from None
