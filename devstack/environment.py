"""The virtual environment: made once, filled from a lock file with hashes, entered by replacing this process."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from devstack import checkout, screen
from devstack.checkout import PYTHON, ROOT, STATE, VENV
from devstack.errors import DevstackError
from devstack.locks import FileLock
from devstack.processes import Child

DEV = "requirements-dev.lock"
TEST = "requirements-test.lock"
BENCH = "requirements-bench.lock"
# What each lock brings: each holds everything of those before it.
BRINGS = {DEV: (DEV,), TEST: (DEV, TEST), BENCH: (DEV, TEST, BENCH)}
STAMP = VENV / ".installed.json"
LOG = checkout.LOGS / "install.log"


# When this process began, told over the change of the interpreter: the installing is part of the total.
BEGUN = "DEVSTACK_BEGUN"
began = float(os.environ.pop(BEGUN, time.monotonic()))


def enter(lock: str) -> None:
    """Make sure that `lock` is installed, and go on inside the environment: this process is replaced unless it is in.

    Raises DevstackError with the installer's last words.
    """
    checkout.make_state_directory()
    if not _is_installed(lock):
        _install(lock)
    if not _is_inside():
        os.chdir(ROOT)
        os.environ[BEGUN] = str(began)
        os.execv(PYTHON, [str(PYTHON), "-m", "devstack", *sys.argv[1:]])


def _is_installed(lock: str) -> bool:
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return False
    if _is_inside() and stamp.get("python") != _minor(sys.version):
        return False  # the machine's Python was upgraded below the environment: its packages are not seen any more
    return _is_whole() and stamp.get(lock) == _digest(lock)


def _is_inside() -> bool:
    return os.path.realpath(sys.prefix) == os.path.realpath(VENV)


def _is_whole() -> bool:
    return PYTHON.exists() and (VENV / "pyvenv.cfg").exists()


def _install(lock: str) -> None:
    guard = FileLock(STATE / "install.lock")
    if not guard.try_acquire():
        screen.say("  another command is installing in this checkout; waiting for it")
    with guard:
        if _is_installed(lock):
            return
        STAMP.unlink(missing_ok=True)
        is_new = _make_venv()
        _install_packages(lock, hint="first run only, about 30 s" if is_new else "to bring .venv up to date")
        stamp = {"python": _minor(_version_of(PYTHON)), **{name: _digest(name) for name in BRINGS[lock]}}
        STAMP.write_text(json.dumps(stamp, indent=2) + "\n")


def _make_venv() -> bool:
    """Make the environment unless there is one that works; whether it was made."""
    if _is_whole() and _version_of(PYTHON):
        return False
    if VENV.is_symlink():
        raise DevstackError(".venv is a link to an environment that does not work; remove the link.")  # not its target
    # Without pip: uv needs none, and `ensurepip` brings it where there is no uv.
    _run("making the environment .venv", [sys.executable, "-m", "venv", "--clear", "--without-pip", VENV])
    return True


def _install_packages(lock: str, *, hint: str) -> None:
    count = len(re.findall(r"^\w", (ROOT / lock).read_text(), flags=re.MULTILINE))
    text = f"installing {count} packages ({hint})"
    uv = shutil.which("uv")
    if uv:
        try:
            _run(text, [uv, "pip", "install", "--quiet", "--python", PYTHON, "--compile-bytecode", *_arguments(lock)])
        except DevstackError:
            # uv knows nothing of pip's settings: behind a company's own index only pip may find the packages.
            screen.say("  uv could not install them; trying pip")
        else:
            return
    if not _works([PYTHON, "-m", "pip", "--version"]):
        _bring_pip()
    _run(text, [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_arguments(lock)])


def _bring_pip() -> None:
    if not _works([PYTHON, "-c", "import ensurepip"]):
        package = f"python{_minor(_version_of(PYTHON))}-venv"
        raise DevstackError(f"This Python cannot make environments: apt install {package}, and try again.")
    _run("bringing pip", [PYTHON, "-m", "ensurepip", "--default-pip"])


def _arguments(lock: str) -> list[str | Path]:
    return ["--require-hashes", "--no-deps", "-r", ROOT / lock]


def _run(text: str, argv: Sequence[str | Path]) -> None:
    """Run a command with a line that shows the seconds; raises DevstackError with its last words."""
    if not sys.stdout.isatty():
        screen.say(f"  {text} …")
    child = Child(str(argv[0]), argv, log=LOG)
    try:
        with screen.step(text) as line:
            child.start()
            if child.wait(tick=line.tick):
                raise DevstackError(f"{text} failed; see {checkout.shown(LOG)}:\n{child.log_tail()}")
    finally:
        child.kill()


def _works(argv: Sequence[str | Path]) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 0
    except OSError:
        return False


def _version_of(python: Path) -> str:
    """Return the version of an interpreter; empty when it does not run."""
    try:
        done = subprocess.run([python, "-V"], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return ""
    return done.stdout.removeprefix("Python ").strip()


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()
