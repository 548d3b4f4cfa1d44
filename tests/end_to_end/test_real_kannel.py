"""Texts out and in through a real Kannel, by the whole service: accepted, handed over, reported, answered."""

import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote_to_bytes

import pytest

from tests.sms.providers.real_kannel import PASSWORD, TOKEN, USERNAME, RealKannel, needs_kannel
from tests.stack import ROOT, Stack, fresh_database, fresh_redis

pytestmark = needs_kannel

REDIS_DATABASE = 8
NUMBER = "+233241234567"
MESSAGES = 150
PATIENCE = 40  # seconds


class KannelStack(Stack):
    """The service with one route, over a Kannel of its own."""

    def _environment(self, settings):
        secrets = {"KANNEL_PASSWORD": PASSWORD, "KANNEL_TOKEN": TOKEN}
        return super()._environment(settings) | {"PUBLIC_URL": self.url, **secrets}

    def add_route(self, kannel):
        """Let live texts go through a Kannel."""
        words = (
            *("routes", "add", "kannel", "--kind", "kannel", "--option", f"base_url={kannel.url}"),
            *("--option", f"username={USERNAME}", "--secret", "password=env:KANNEL_PASSWORD"),
            *("--secret", "webhook_token=env:KANNEL_TOKEN", "--reason", "a test"),
        )
        subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=self.environment, check=True, timeout=60,
            capture_output=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def kannel_stack(tmp_path_factory):
    """The whole service beside a running Kannel."""
    urls = {"DATABASE_URL": fresh_database("stack_kannel"), "REDIS_URL": fresh_redis(REDIS_DATABASE)}
    stack = KannelStack(tmp_path_factory.mktemp("stack"), **urls)
    kannel = RealKannel(tmp_path_factory.mktemp("kannel"), receiver=f"{stack.url}/api/webhooks/kannel")
    try:
        stack.start()
        kannel.start()
        stack.add_route(kannel)
        yield stack, kannel
    finally:
        kannel.stop(by_force=True)
        stack.stop()


def wait_until(condition, *, what):
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.1)


def arrived(kannel):
    """How often each of our texts is at the SMSC."""
    contents = [unquote_to_bytes(one.rpartition(" ")[2].replace("+", " ")).decode() for one in kannel.handed_over()]
    return Counter(one for one in contents if one.startswith("text"))


def test_while_smsbox_goes_away_and_comes_back_no_text_is_lost_and_none_comes_twice(kannel_stack):
    """What Kannel certainly did not get goes out when it is back; what it may have got waits for its receipt."""
    stack, kannel = kannel_stack

    def send(number):
        answer = stack.send(recipient=NUMBER, text=f"text{number}", key=f"kannel-{number}")
        assert answer.status == 202, answer.body
        return answer.json()["id"]

    with ThreadPoolExecutor(4) as clients:
        ids = list(clients.map(send, range(MESSAGES // 2)))
        kannel.stop("smsbox", by_force=True)
        ids += clients.map(send, range(MESSAGES // 2, MESSAGES))
        refused = "SELECT count(*) FROM sms_submitattempt WHERE outcome = 'NOT_SENT'"
        wait_until(lambda: stack.query(refused)[0][0] > 0, what=lambda: "nothing met a closed port")
        kannel.start_smsbox()

    def statuses():
        return Counter(status for (status,) in stack.query("SELECT status FROM sms_message WHERE text LIKE 'text%%'"))

    wait_until(lambda: statuses()["DELIVERED"] + statuses()["UNCERTAIN"] == len(ids), what=statuses)
    sent = arrived(kannel)
    assert set(sent.values()) == {1}
    delivered = {text for (text,) in stack.query("SELECT text FROM sms_message WHERE status = 'DELIVERED'")}
    assert delivered == set(sent)
    assert len(ids) - len(delivered) <= 32  # at most so many requests were on their way in that moment


def test_a_text_from_a_handset_comes_back(kannel_stack):
    """It is the account's that wrote to that number last, stored once, and told by REST."""
    stack, kannel = kannel_stack
    stack.wait_for(stack.send(recipient=NUMBER, text="text asks").json()["id"], "DELIVERED")
    kannel.stop("smsc")
    kannel.start_smsc(text=(NUMBER, "MyCorp", "Yes, please"))
    found = "SELECT i.text, i.sender, a.name FROM sms_inboundmessage i LEFT JOIN sms_account a ON a.id = i.account_id"
    wait_until(lambda: stack.query(found), what=lambda: kannel.log("smsbox")[-2000:])
    assert stack.query(found) == [("Yes, please", NUMBER, "demo")]
