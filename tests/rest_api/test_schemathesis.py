"""The service does what its description says: schemathesis sends what that allows, and what it forbids."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import API_KEY, SECRET, Stack, fresh_database, fresh_redis

HERE = Path(__file__).parent
PATIENCE = 100  # seconds; it takes about 20 on two cores that do nothing else
EXAMPLES = 15  # for each operation, beside those that reach each keyword of its schemas


@pytest.fixture
def guarded_stack(tmp_path):
    """The service as it is set up where others can reach it: nobody comes in without a key."""
    urls = {"DATABASE_URL": fresh_database("stack_schemathesis"), "REDIS_URL": fresh_redis(9)}
    stack = Stack(tmp_path, **urls, ANONYMOUS_ACCOUNT="")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def test_schemathesis_finds_nothing(guarded_stack, tmp_path):
    """Every check on every operation, but for what schemathesis.toml leaves out, with the reason."""
    environment = {
        **os.environ,
        "API_KEY": API_KEY,
        "DLR_SECRET": SECRET,
        "SCHEMATHESIS_HOOKS": "tests.rest_api.signing",
        "PYTHONPATH": str(HERE.parents[1]),
    }
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "--no-color",
            f"--config-file={HERE / 'schemathesis.toml'}",
            "run",
            f"{guarded_stack.url}/api/openapi.json",
            f"--max-examples={EXAMPLES}",
            "--seed=1",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
