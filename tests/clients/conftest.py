"""Clients in JavaScript, run by node, with packages that npm installs as package-lock.json says."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from devstack import checkout
from devstack.locks import FileLock

HERE = Path(__file__).parent
OLDEST = 18  # of node; package.json says so, too
STAMP = HERE / "node_modules" / ".installed"
INSTALLED_WITHIN = 100  # seconds


def pytest_terminal_summary(terminalreporter):
    """Say loudly that no client in JavaScript was tried."""
    reasons = {one.longrepr[2] for one in terminalreporter.stats.get("skipped", []) if "tests/clients" in one.nodeid}
    if reasons:
        terminalreporter.write_sep("!", f"clients were not tried: {'; '.join(reasons)}", yellow=True, bold=True)


def cannot(why):
    """Skip the test, where a person may lack something; in CI everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def node():
    """Return what runs a script of this folder with some words, and returns the JSON that it prints."""
    program = shutil.which("node")
    if program is None or shutil.which("npm") is None:
        cannot("there is no node, or no npm, on this machine")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    if int(version.removeprefix("v").split(".")[0]) < OLDEST:
        cannot(f"node is {version.strip()}, and the clients need {OLDEST} or newer")
    install()

    def run(script, *words):
        done = subprocess.run(
            [program, script, *words], cwd=HERE, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def install():
    """Bring `node_modules` up to date with the lock file, unless it is."""
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    checkout.make_state_directory()
    with FileLock(checkout.STATE / "clients.lock"):  # another run of the tests may be at it
        if STAMP.exists() and STAMP.read_text() == wanted:
            return
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts"],
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=INSTALLED_WITHIN,
            check=False,
        )
        if done.returncode:
            cannot(f"npm cannot install the clients: {done.stderr.strip()[-500:]}")
        STAMP.write_text(wanted)
