"""As much of VS Code's REST Client as api.http needs, so that the file itself can be run."""

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.http import Answer, call

API_HTTP = Path(__file__).parents[1] / "api.http"


class Editor:
    """Sends the requests of the file in order; knows names, variables, {{$guid}} and the prompt for a signature."""

    def __init__(self, *, host: str, secret: str) -> None:
        self.variables = {"host": host}
        self.secret = secret
        self.answers: dict[str, Answer] = {}

    def run(self) -> Iterator[tuple[int, Answer]]:
        """Send each request; give the status that its title promises, and the answer."""
        for block in re.split(r"^### ", API_HTTP.read_text(), flags=re.MULTILINE)[1:]:
            yield self.send(block)

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
                self.variables[found[1]] = self.signature(rest)
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

    def signature(self, block):
        """Run the very command that the file tells a person to run."""
        (command,) = re.findall(r"^#\s+(printf .+)$", block, re.MULTILINE)
        reference = self.value("show.response.body.provider_reference")
        return subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, "REFERENCE": reference, "SECRET": self.secret},
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
