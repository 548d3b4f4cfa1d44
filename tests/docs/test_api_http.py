"""api.http, run as an editor runs it: request by request, against the whole service."""

import os
import re
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.http import Answer, call
from tests.stack import SECRET

API_HTTP = Path(__file__).parents[2] / "api.http"


class Editor:
    """As much of VS Code's REST Client as api.http needs: names, variables, {{$guid}} and prompts."""

    def __init__(self, *, host, prompts):
        self.variables = {"host": host}
        self.prompts = prompts
        self.answers: dict[str, Answer] = {}

    def send(self, block):
        """Send one request and return the status that its title promises, with the answer."""
        title, _, rest = block.partition("\n")
        promised = int(re.search(r"→ (\d{3})", title)[1])
        comments = [line for line in rest.splitlines() if line.startswith("#")]
        head, _, body = (
            "\n".join(line for line in rest.splitlines() if not line.startswith("#")).strip().partition("\n\n")
        )
        for line in comments:
            if found := re.match(r"# @prompt (\w+)", line):
                self.variables[found[1]] = self.prompts[found[1]](self, rest)
        method_and_url, *headers = [self.fill(line) for line in head.splitlines()]
        method, url = method_and_url.split(" ")
        answer = call(
            method, url, self.fill(body).strip().encode() or None, dict(line.split(": ", 1) for line in headers)
        )
        for line in comments:
            if found := re.match(r"# @name (\w+)", line):
                self.answers[found[1]] = answer
        return promised, answer

    def fill(self, text):
        """Put values in the place of {{…}}."""
        return re.sub(r"\{\{(.+?)\}\}", lambda found: self.value(found[1]), text)

    def value(self, name):
        """The value of one variable."""
        if name == "$guid":
            return str(uuid.uuid4())
        if found := re.fullmatch(r"(\w+)\.response\.body\.(\w+)", name):
            return self.answers[found[1]].json()[found[2]]
        return self.variables[name]


def documented_signature(editor, block):
    """Run the very command that the file tells a person to run."""
    (command,) = re.findall(r"^#\s+(printf .+)$", block, re.MULTILINE)
    environment = {**os.environ, "REFERENCE": editor.value("show.response.body.provider_reference"), "SECRET": SECRET}
    return subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()


@pytest.fixture(scope="module")
def results(stack):
    """Every request of the file, sent in its order."""
    text = API_HTTP.read_text()
    assert re.search(r"^@host = http://127\.0\.0\.1:8080$", text, re.MULTILINE)
    editor = Editor(host=stack.url, prompts={"signature": documented_signature})
    found = []
    for block in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        found.append(editor.send(block))
        if "@name create" in block:  # a person takes a moment before the next click
            stack.wait_for(found[-1][1].json()["id"], "SENT")
    return found


@pytest.mark.parametrize("number", range(1, 7))
def test_each_request_is_answered_as_its_title_says(results, number):
    """The six requests have the statuses that stand beside them."""
    promised, answer = results[number - 1]
    assert answer.status == promised, answer.body


def test_the_file_has_the_six_requests(results):
    """Create, two refusals, read, and a receipt with a good and with a bad signature."""
    assert [promised for promised, _ in results] == [202, 400, 400, 200, 202, 401]
    codes = [answer.json().get("code") for _, answer in results]
    assert codes == [None, "SENDER_ID_NOT_ALLOWED", "BLOCKED_KEYWORD", None, None, "SIGNATURE_INVALID"]


def test_the_signed_receipt_moved_the_message(stack, results):
    """After the fifth request the first one's message is delivered."""
    assert stack.wait_for(results[0][1].json()["id"], "DELIVERED")["provider_reference"]


def test_the_message_has_all_that_was_promised(results):
    """GET shows at least the fields of the first version."""
    promised = {"id", "sender_id", "recipient", "text", "status", "provider_reference", "encoding", "segments"}
    promised |= {"created_at", "updated_at", "events"}
    assert promised <= set(results[3][1].json())
