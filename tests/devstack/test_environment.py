"""The environment: made from the lock file with nothing but Python, once."""

import hashlib
import json
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.devstack.conftest import LOCKS

METADATA = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"

WITHOUT_UV = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module")
def new_tree(make_tree):
    """Return a checkout that nobody has run anything in, whose locks ask for one tiny package of this machine."""
    tree = make_tree("new")
    (tree.path / ".venv").unlink()
    wheel = make_wheel(tree.path)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for name in LOCKS:
        (tree.path / name).write_text(f"tiny @ {wheel.as_uri()} \\\n    --hash=sha256:{digest}\n")
    return tree


def make_wheel(folder: Path) -> Path:
    """Make the smallest package there can be."""
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", METADATA)
        archive.writestr("tiny-1.0.dist-info/WHEEL", WHEEL)
        archive.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\n")
    return wheel


def test_a_bare_python_is_enough(new_tree):
    """The first command makes the environment with pip, a second one at the same time waits, a third does nothing."""
    first = new_tree.start("install", **WITHOUT_UV)
    first.wait_for("making the environment")
    second = new_tree.command("install", **WITHOUT_UV)
    assert first.process.wait(timeout=30) == 0
    third = new_tree.command("install", **WITHOUT_UV)
    python = new_tree.path / ".venv" / "bin" / "python"

    assert subprocess.run([python, "-c", "import tiny"], check=False).returncode == 0
    assert "installing 1 packages (first run only" in first.said
    assert second.returncode == 0
    assert "another command is installing" in second.stdout
    assert "packages" not in second.stdout
    assert third.stdout == ""


def test_benchmarks_bring_all_that_tests_need(new_tree):
    """After `install bench` neither `run` nor `test` has anything to install."""
    assert new_tree.command("install", "bench", **WITHOUT_UV).returncode == 0
    stamp = json.loads((new_tree.path / ".venv" / ".installed.json").read_text())

    assert set(stamp) == {"python", *LOCKS}
    assert new_tree.command("install", **WITHOUT_UV).stdout == ""


def test_a_changed_package_is_refused(new_tree):
    """A package whose hash is not the lock's is not installed, and the environment counts as unfinished."""
    for name in LOCKS:
        lock = new_tree.path / name
        lock.write_text(lock.read_text().replace("sha256:", "sha256:0000")[:-5] + "\n")
    done = new_tree.command("install", **WITHOUT_UV)

    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert ".dev/logs/install.log" in done.stderr
    assert not (new_tree.path / ".venv" / ".installed.json").exists()


def test_an_old_python_is_told(monkeypatch):
    """A Python that is too old gets a sentence, not a traceback."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))

    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and this is 3\.9; .*PYTHON="):
        runpy.run_module("devstack", run_name="__main__")
