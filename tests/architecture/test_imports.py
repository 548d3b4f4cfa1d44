"""Who may import whom: the contracts stand in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def lint_imports(*, cwd):
    """Run import-linter on a tree."""
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_every_import_goes_the_way_the_house_allows():
    """No package imports what the plan of the house forbids."""
    done = lint_imports(cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_edges_reach_no_model_manager():
    """Writes go through `sms.services` and reads through `sms.selectors`, wherever a request comes from."""
    edges = ("edge", "graphql_api", "health", "rest_api", "webhooks")
    touching = [
        str(path.relative_to(ROOT))
        for edge in edges
        for path in (ROOT / edge).rglob("*.py")
        if ".objects" in path.read_text()
    ]
    assert touching == []
