"""Programs in JavaScript and TypeScript, run by node, with packages that npm installs as a package-lock.json says."""

import hashlib
import json
import os
import shutil
import subprocess

import pytest

from devstack import checkout
from devstack.locks import FileLock

INSTALLED_WITHIN = 100  # seconds


def cannot(why):
    """Skip the test, where a person may lack something; in CI everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def find(folder):
    """Return where node is, once it is as new as the folder's package.json wants it and the packages are there."""
    program = shutil.which("node")
    if program is None or shutil.which("npm") is None:
        cannot("there is no node, or no npm, on this machine")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    oldest = json.loads((folder / "package.json").read_text())["engines"]["node"].removeprefix(">=")
    if int(version.removeprefix("v").split(".")[0]) < int(oldest):
        cannot(f"node is {version.strip()}, and {folder.name} needs {oldest} or newer")
    install(folder)
    return program


def install(folder):
    """Bring `node_modules` up to date with the lock file, unless it is."""
    stamp = folder / "node_modules" / ".installed"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    checkout.make_state_directory()
    with FileLock(checkout.STATE / f"{folder.name}.lock"):  # another run of the tests may be at it
        if stamp.exists() and stamp.read_text() == wanted:
            return
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALLED_WITHIN,
            check=False,
        )
        if done.returncode:
            cannot(f"npm cannot install {folder.name}: {done.stderr.strip()[-500:]}")
        stamp.write_text(wanted)
