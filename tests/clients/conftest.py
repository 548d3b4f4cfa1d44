"""Clients in JavaScript, run by node, with packages that npm installs as package-lock.json says."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.node import find

HERE = Path(__file__).parent
TRIED_BY = ("tests/clients", "tests/examples/test_typescript")


def pytest_terminal_summary(terminalreporter):
    """Say loudly that no client in JavaScript was tried."""
    skipped = terminalreporter.stats.get("skipped", [])
    if reasons := {one.longrepr[2] for one in skipped if one.nodeid.startswith(TRIED_BY)}:
        terminalreporter.write_sep("!", f"clients were not tried: {'; '.join(reasons)}", yellow=True, bold=True)


@pytest.fixture(scope="session")
def node():
    """Return what runs a script of this folder with some words, and returns the JSON that it prints."""
    program = find(HERE)

    def run(script, *words):
        done = subprocess.run(
            [program, script, *words], cwd=HERE, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
