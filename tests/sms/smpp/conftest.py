"""Other people's codecs, as the other side of ours."""

import json
import subprocess

import pytest

from tests.node import find
from tests.sms.providers.smsc.process import HERE


@pytest.fixture(scope="session")
def npm():
    """Return what asks the npm package `smpp`: for the fields of octets, or the octets of fields."""
    process = subprocess.Popen(
        [find(HERE), HERE / "codec.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )

    def ask(**question):
        process.stdin.write(json.dumps(question) + "\n")
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    process.stdout.close()
    process.wait(10)
