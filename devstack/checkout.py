"""Where things are in this checkout."""

from pathlib import Path

# Not resolved: a test may run a tree whose package is a link to ours, and must then get its own places.
ROOT = Path(__file__).absolute().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STATE = ROOT / ".dev"
LOGS = STATE / "logs"
RUN_LOCK = STATE / "lock"
STACK_FILE = STATE / "stack.json"


def make_state_directory() -> None:
    """Create `.dev/`, readable by its owner only and ignored by git."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    LOGS.mkdir(exist_ok=True)
    (STATE / ".gitignore").write_text("*\n")


def shown(path: Path) -> str:
    """`path` as a person in the checkout would write it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
