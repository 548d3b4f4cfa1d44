"""The pages for a task: their commands, one after the other in one shell, print what stands below them."""

import asyncio
import json
import os
import re
import subprocess
import sys

import pytest

from tests.docs.test_readme import ROOT, shape
from tests.faults.proxy import Proxy

PAGES = ["docs/send-an-otp.md", "docs/send-10000-reminders.md", "docs/rotate-a-key.md"]
SECTION = "README.md#Accounts and keys"
DIFFERS = r"(?<=sms_live_)\w+|\d{4}-\d\d-\d\dT[\d:]*Z?"
MARK = "-- the next command --"
REMINDERS = ROOT / "examples" / "reminders.py"


def commands(page):
    """Return each command of a page, or of a section, with what stands below it; its further lines are indented."""
    name, _, heading = page.partition("#")
    text = (ROOT / name).read_text()
    if heading:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.+?)```", text, re.DOTALL)
    found = []
    for line in "".join(blocks).splitlines():
        if line.startswith("$ "):
            found.append(([line.removeprefix("$ ")], []))
        else:
            found[-1][0 if line.startswith(" ") and not found[-1][1] else 1].append(line)
    return [("\n".join(command), output) for command, output in found]


def comparable(lines):
    """Return lines without what differs from run to run: ids, keys, times, and the pings of a stream."""
    told = [line.strip() for line in lines if line.strip() not in {"", ":"}]
    return [shape(json.loads(line)) if line.startswith("{") else re.sub(DIFFERS, "…", line) for line in told]


@pytest.mark.parametrize("page", [*PAGES, SECTION])
def test_the_commands_print_what_the_page_shows(stack, page, tmp_path):
    """Run as they stand, only at the tests' own address."""
    steps = commands(page)
    assert any(output for _, output in steps)
    script = f"\necho '{MARK}'\n".join(command for command, _ in steps)
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", script.replace("http://127.0.0.1:8080", stack.url)],
        env={**stack.environment, "SMS_URL": stack.url, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    printed = [part.splitlines() for part in done.stdout.split(f"{MARK}\n")]
    assert [comparable(lines) for lines in printed] == [comparable(output) for _, output in steps], done.stderr


@pytest.mark.parametrize("page", [*PAGES, "docs/security.md", "examples/websocat.md"])
def test_every_link_of_a_page_leads_somewhere(page):
    """Files beside it, and the README's headings."""
    path = ROOT / page
    targets = re.findall(r"\]\(([^):]+)\)", path.read_text())
    assert targets
    for target in targets:
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings}, target


def test_the_readme_leads_to_every_page():
    """Below "Read on"."""
    readme = (ROOT / "README.md").read_text()
    assert [page for page in [*PAGES, "docs/security.md"] if f"]({page})" not in readme] == []


async def test_whatever_answers_are_lost_each_reminder_is_stored_once(stack):
    """The program behind a network that loses every few answers, with the connection, is not to be told apart."""
    proxy = await Proxy(stack.port).open()
    proxy.swallow = 2
    before = stored(stack)
    try:
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            REMINDERS,
            "lossy",
            env={**os.environ, "SMS_URL": f"http://127.0.0.1:{proxy.port}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        told, complaints = await asyncio.wait_for(program.communicate(), 100)
    finally:
        await proxy.close()
    assert told == b"9500 accepted, 500 replayed\n", complaints
    assert complaints.count(b"again with the same key") == 2
    assert stored(stack) == before + 10_000


def stored(stack):
    """Return how many reminders there are."""
    return stack.query("SELECT count(*) FROM sms_message WHERE client_reference LIKE 'appointment-%%'", ())[0][0]


def test_a_refused_batch_is_for_a_person_to_mend(stack):
    """It ends with the service's own words, and is not repeated."""
    done = subprocess.run(
        [sys.executable, REMINDERS],
        env={**stack.environment, "SMS_URL": stack.url, "SMS_API_KEY": "wrong"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("reminders-0: UNAUTHENTICATED: ")
