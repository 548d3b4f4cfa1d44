"""The examples in TypeScript: they keep to the types, and do what their first lines say."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.node import find

FOLDER = Path(__file__).parents[2] / "examples" / "typescript"
DELIVERED = ["#1 QUEUED", "#2 SENDING", "#3 SENT", "#4 DELIVERED"]
LOST = "lost the connection; continuing after #"


@pytest.fixture(scope="module")
def npm(stack):
    """Return what runs one of the scripts of package.json, and returns the lines that it prints."""
    find(FOLDER)

    def run(script, *words, **environment):
        done = subprocess.run(
            ["npm", "run", "--silent", script, "--", *words],
            cwd=FOLDER,
            env={**os.environ, "SMS_URL": stack.url, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return run


def test_the_types_are_kept(npm):
    """`tsc` in its strict mode has nothing to say."""
    assert npm("types") == []


@pytest.mark.parametrize("script", ["follow", "apollo"])
@pytest.mark.parametrize("with_key", [True, False])
def test_a_message_is_sent_and_followed_to_its_end(npm, stack, script, with_key):
    """With a key, and as the demo account."""
    assert npm(script, **({"SMS_API_KEY": stack.api_key} if with_key else {})) == DELIVERED


def test_after_a_lost_connection_it_continues_where_it_was(npm):
    """Every change comes once, in order, over two connections."""
    lines = npm("follow", "233200000902", "--drop")
    changes = [line for line in lines if not line.startswith(LOST)]
    assert changes == [*DELIVERED[:3], "#4 UNDELIVERED ABSENT_SUBSCRIBER"]
    assert [int(line.removeprefix(LOST)) for line in lines if line.startswith(LOST)] in ([2], [3], [4])


@pytest.mark.parametrize("script", ["follow", "apollo"])
def test_a_refusal_is_an_error(stack, npm, script):
    """The service's code and sentence are what the program ends with."""
    with pytest.raises(AssertionError, match="RECIPIENT_INVALID: 'nobody'"):
        npm(script, "nobody")


def test_the_lock_file_names_no_registry():
    """Packages are known by their versions and digests; where they come from is npm's own setting."""
    assert re.findall(r"https?://[^\"]*\.tgz", (FOLDER / "package-lock.json").read_text()) == []
