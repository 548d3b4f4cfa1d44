"""Operators' commands, as a test runs them."""

import os
import subprocess
import sys
import urllib.parse
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.stack import ROOT


def run(command, *words):
    """Run a command and return the lines that it prints; what it says beside them is thrown away."""
    out = StringIO()
    call_command(command, *map(str, words), stdout=out, stderr=StringIO(), no_color=True)
    return out.getvalue().splitlines()


def refusal(command, *words):
    """Run a command and return the sentence with which it refuses."""
    with pytest.raises(CommandError) as refused:
        run(command, *words)
    assert refused.value.returncode == 1
    return str(refused.value)


def database_url():
    """Return the address of the database of the tests, for who comes from outside."""
    url = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
    return url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def from_a_shell(command, *words):
    """Run a command as a process of its own, with the database of the tests."""
    return subprocess.run(
        [sys.executable, "manage.py", command, *words],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
