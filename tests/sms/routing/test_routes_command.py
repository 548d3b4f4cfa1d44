"""`manage.py routes`, as an operator uses it, against real PostgreSQL."""

import io
import sys
from datetime import time
from decimal import Decimal
from functools import partial

import pytest
from django.conf import settings as django_settings

from sms.credentials import Safe
from sms.models import Message, Route, RouteBreaker, RouteChange, SubmitAttempt
from sms.providers.base import Option
from sms.providers.kinds import KINDS
from sms.routing import snapshot
from sms.routing.choose import PINNED
from sms.services.submit import submit_due
from tests import commands
from tests.sms.routing.routes import Told

run = partial(commands.run, "routes")
refusal = partial(commands.refusal, "routes")
from_a_shell = partial(commands.from_a_shell, "routes")
KEY = "a-secret-key-of-the-tests"


class Asking(Told):
    """Has to be told something, a secret too, and knows who calls by a token."""

    FACTS = None
    OPTIONS = (
        Option("url", "Where it is."),
        Option("api_key", "Its key.", is_secret=True),
        Option("webhook_token", "Ends the addresses.", is_secret=True, is_required=False),
    )

    @classmethod
    def from_setup(cls, setup):
        if not setup.option("url").startswith("http"):
            raise ValueError("'url' is not an address.")
        return cls(setup.route)


@pytest.fixture(autouse=True)
def kinds(told, monkeypatch, settings):
    """A kind "asking", and a public address."""
    monkeypatch.setitem(KINDS, "asking", f"{__name__}.Asking")
    monkeypatch.setenv("THE_KEY", KEY)
    settings.SMS_PUBLIC_URL = "https://sms.example.com"


def add(name="gh", *words):
    """Add a route."""
    return run(
        *("add", name, "--kind", "asking", "--option", "url=http://a", "--secret", "api_key=env:THE_KEY"),
        *("--by", "ama", *words),
    )


def facts(name):
    """What `show` says of a route."""
    return {line[:19].strip(): line[20:] for line in run("show", name) if not line[:4].isdigit()}


def secrets_of(name):
    """What is encrypted in its row."""
    return Safe(django_settings.SMS_CREDENTIALS_KEYS).decrypt(bytes(Route.objects.get(name=name).credentials))


def changes(name="gh"):
    """Who changed what, and why."""
    return [(one.by, one.what, one.reason) for one in RouteChange.objects.filter(route__name=name).order_by("id")]


def test_a_route_is_added_with_all_it_has_and_its_addresses_are_told_once():
    """The token at their ends was made for it; then it is never shown again, nor is any secret."""
    said = add(
        *("gh", "--sender-id", "MyCorp", "--country", "gh", "--prefix", "+23324", "--priority", "otp"),
        *("--weight", 50, "--price", "0.025", "--currency", "GHS", "--throughput", 20, "--reason", "a trial"),
        *("--opens-at", "08:00", "--closes-at", "17:30", "--time-zone", "Africa/Accra"),
    )
    token = secrets_of("gh")["webhook_token"]
    assert said == [
        "Added the route 'gh'.",
        f"status   https://sms.example.com/api/webhooks/gh/status/{token}/",
        f"inbound  https://sms.example.com/api/webhooks/gh/inbound/{token}/",
    ]
    assert len(token) == 43
    row = Route.objects.get()
    assert (row.options, secrets_of("gh")) == ({"url": "http://a"}, {"api_key": KEY, "webhook_token": token})
    assert (row.opens_at, row.closes_at, row.price, row.priorities) == (time(8), time(17, 30), Decimal("0.025"), [1])
    assert facts("gh") == {
        "name": "gh",
        "kind": "asking",
        "state": "in use",
        "options": "url=http://a",
        "secrets": "api_key, webhook_token",
        "sender IDs": "MyCorp",
        "countries": "GH",
        "prefixes": "+23324",
        "priorities": "OTP",
        "weight": "50",
        "health": "100%",
        "usual delivery": "-",
        "price": "0.025 GHS a segment",
        "throughput": "20 a second",
        "hours": "08:00 to 17:30 (Africa/Accra)",
        "receipts to": "https://sms.example.com/api/webhooks/gh/status/…/",
        "inbound texts to": "https://sms.example.com/api/webhooks/gh/inbound/…/",
        "queue": "0 due, 0 later",
    }
    everything = "\n".join([*run("show", "gh"), *run("list"), str(list(RouteChange.objects.values()))])
    assert KEY not in everything
    assert token not in everything
    assert changes() == [("ama", "added, of the kind asking", "a trial")]


def test_what_is_set_is_set_and_nothing_else():
    """And written down: what was, what is, who, and why. A secret need not be said again."""
    add()
    run("set", "gh", "--weight", 7, "--country", "GH", "--option", "url=http://b", "--by", "kofi", "--reason", "moved")
    row = Route.objects.get()
    assert (row.weight, row.countries, row.options, row.throughput) == (7, ["GH"], {"url": "http://b"}, None)
    assert secrets_of("gh")["api_key"] == KEY
    assert changes()[1:] == [("kofi", "countries any → GH; weight 100 → 7; options url", "moved")]
    run("set", "gh", "--country", "any", "--throughput", 5)
    run("set", "gh", "--throughput", "none")
    row.refresh_from_db()
    assert (row.countries, row.throughput) == ([], None)


@pytest.mark.parametrize("by", ["file", "stdin"])
def test_a_secret_comes_from_a_file_or_a_prompt(by, tmp_path, monkeypatch):
    """Not from the command line, which everybody on the machine can read."""
    (tmp_path / "key").write_text("another-key-of-the-tests\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO("another-key-of-the-tests\n"))
    add()
    run("set", "gh", "--secret", f"api_key=file:{tmp_path}/key" if by == "file" else "api_key")
    assert secrets_of("gh")["api_key"] == "another-key-of-the-tests"
    assert changes()[-1][1] == "options api_key"


def test_pausing_and_resuming():
    """A route that is resumed begins as if nothing had happened."""
    add()
    run("pause", "gh", "--reason", "maintenance")
    row = Route.objects.get()
    assert row.is_paused
    RouteBreaker.objects.create(route=row, country="001", probe_at=row.created_at, reason="PROVIDER_AUTH")
    Route.objects.update(health=10)
    assert "paused" in run("list")[0]
    assert "broken for 001" in run("list")[0]
    assert any(line.startswith("broken for the world since") for line in run("show", "gh"))
    run("resume", "gh", "--by", "ama")
    row.refresh_from_db()
    assert (row.is_paused, row.health, RouteBreaker.objects.count()) == (False, 100, 0)
    assert changes()[-2:] == [("ama", "breaker closed for the world", "the route was resumed"), ("ama", "resumed", "")]


def test_new_credentials_close_what_the_old_ones_had_opened():
    """Nobody waits for a probe to find that out."""
    add()
    RouteBreaker.objects.create(route=Route.objects.get(), country="001", probe_at="2099-01-01T00:00Z", reason="r")
    run("set", "gh", "--secret", "api_key=env:THE_KEY")
    assert not RouteBreaker.objects.exists()


def test_a_token_is_replaced_while_the_last_one_stays_good():
    """The provider is told the new address in its own time."""
    add()
    first = secrets_of("gh")["webhook_token"]
    said = run("new-token", "gh")
    second = secrets_of("gh")["webhook_token"].split(",")
    assert second[1:] == [first]
    assert said[0] == f"status   https://sms.example.com/api/webhooks/gh/status/{second[0]}/"
    run("new-token", "gh")
    assert secrets_of("gh")["webhook_token"].split(",")[1:] == second[:1]


def test_keys_are_rotated_to_the_newest(settings):
    """With both keys there; afterwards the old one can go."""
    settings.SMS_CREDENTIALS_KEYS = ["the-old-key-of-the-tests"]
    add()
    settings.SMS_CREDENTIALS_KEYS = ["the-new-key-of-the-tests", "the-old-key-of-the-tests"]
    assert run("rotate") == ["The credentials of 1 routes are encrypted with the newest key."]
    settings.SMS_CREDENTIALS_KEYS = ["the-new-key-of-the-tests"]
    assert secrets_of("gh")["api_key"] == KEY
    assert changes()[-1][1] == "credentials encrypted anew"
    settings.SMS_CREDENTIALS_KEYS = ["a-wrong-key-of-the-tests"]
    assert facts("gh")["secrets"] == "cannot be read: see CREDENTIALS_KEYS"
    assert "put that one back into CREDENTIALS_KEYS" in refusal("rotate")
    assert "put that one back into CREDENTIALS_KEYS" in refusal("set", "gh", "--option", "url=http://b")


def test_a_test_goes_by_the_route_and_tells_its_fate(caller):
    """Even a paused one, against its own rules, and as any other message of the account."""
    add("gh", "--country", "KE")
    run("pause", "gh")
    (message, *said) = run("test", "gh", "+233241234567", "--account", "tests", "--wait", 0)
    stored = Message.objects.get()
    assert message == f"Message {stored.id}"
    assert [line.split("  ")[1] for line in said] == ["QUEUED"]
    assert (stored.text, stored.sender_id, stored.is_test) == ("This is a test of the route gh.", "MyCorp", False)
    snapshot.forget()
    submit_due(keep_going=lambda: True)
    made = SubmitAttempt.objects.get()
    assert (made.provider, made.outcome, made.reason) == ("gh", "SENT", PINNED)
    (_, *said) = run("test", "gh", "0241234568", "--account", "tests", "--sender-id", "MyCorp", "--wait", 0)
    assert said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: action"),
        (["add", "new"], "the following arguments are required: --kind"),
        (["add", "new", "--kind", "pigeon"], "There is no kind 'pigeon'; there are "),
        (["add", "new", "--kind", "asking", "--option", "url=http://a"], "A asking needs api_key."),
        (["add", "New", "--kind", "told"], "A route's name has 1 to 32 lower-case letters and digits"),
        (["add", "x" * 33, "--kind", "told"], "A route's name has 1 to 32 lower-case letters and digits"),
        (["add", "a/b", "--kind", "told"], "A route's name has 1 to 32 lower-case letters and digits"),
        (["add", "simulator", "--kind", "told"], "The name 'simulator' is taken by the service itself."),
        (["add", "dlr", "--kind", "told"], "The name 'dlr' is taken by the service itself."),
        (["add", "new", "--kind", "told", "--option", "x=y"], "A told has no option x"),
        (["add", "new", "--kind", "told", "--option", "x"], "'x' is not NAME=VALUE"),
        (["set", "gh", "--option", "url=ftp"], "'url' is not an address."),
        (["set", "gh", "--option", "api_key=k"], "'api_key' is a secret: give it by --secret"),
        (["set", "gh", "--secret", "api_key=very-secret"], "a secret is not given on the command line"),
        (["set", "gh", "--secret", "api_key=env:NOTHING"], "There is nothing in env:NOTHING."),
        (["set", "gh", "--secret", "api_key=file:/nowhere"], "/nowhere cannot be read: FileNotFoundError."),
        (["set", "gh", "--no-option", "url"], "A asking needs url."),
        (["set", "gh"], "There is nothing to set."),
        (["set", "none", "--weight", "1"], "There is no route 'none'."),
        (["set", "gh", "--weight", "10001"], "A weight is a number from 0 to 10000."),
        (["set", "gh", "--weight", "-1"], "'-1' is neither a number nor"),
        (["set", "gh", "--weight", "many"], "'many' is neither a number nor 'none'"),
        (["set", "gh", "--throughput", "0"], "A throughput is a number of messages a second, from 1"),
        (["set", "gh", "--price", "1"], "A price and its currency go together."),
        (["set", "gh", "--price", "0.0000001", "--currency", "USD"], "A price is an amount from 0"),
        (["set", "gh", "--price", "1e999999", "--currency", "USD"], "A price is an amount from 0"),
        (["set", "gh", "--price", "NaN", "--currency", "USD"], "A price is an amount from 0"),
        (["set", "gh", "--price", "dear", "--currency", "USD"], "'dear' is neither an amount"),
        (["set", "gh", "--price", "1", "--currency", "dollars"], "'dollars' is not a currency such as USD."),
        (["set", "gh", "--country", "Ghana"], "'GHANA' is not a country such as GH."),
        (["set", "gh", "--prefix", "0024"], "'0024' is not the beginning of a number"),
        (["set", "gh", "--priority", "SOON"], "A priority is one of OTP, NORMAL, BULK."),
        (["set", "gh", "--sender-id", "Far too long"], "'Far too long': The sender ID has 12 characters"),
        (["set", "gh", "--opens-at", "08:00"], "A route that opens at an hour closes at one, too."),
        (["set", "gh", "--opens-at", "noon"], "'noon' is neither a time such as 08:30"),
        (["set", "gh", "--time-zone", "Ghana/Accra"], "'Ghana/Accra' is not a time zone"),
        (["set", "gh", "--time-zone", "../etc/passwd"], "'../etc/passwd' is not a time zone"),
        (["set", "gh", "--time-zone", ""], "'' is not a time zone"),
        (["show", "none"], "There is no route 'none'."),
        (["pause", "none"], "There is no route 'none'."),
        (["new-token", "plain"], "A told signs what it sends"),
        (["test", "gh", "+233241234567", "--account", "nobody"], "There is no account 'nobody'."),
        (["test", "none", "+233241234567", "--account", "tests"], "There is no route 'none'."),
        (["test", "gh", "12", "--account", "tests"], "number"),
        (["test", "gh", "+233241234567", "--account", "tests", "--sender-id", "Other"], "sender ID"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(caller, words, said):
    """With exit code 1; nothing has changed, and no secret is repeated."""
    add()
    Route.objects.create(name="plain", kind="told")
    before = list(Route.objects.values()), RouteChange.objects.count(), Message.objects.count()
    told = refusal(*words)
    assert said in told
    assert "very-secret" not in told
    assert (list(Route.objects.values()), RouteChange.objects.count(), Message.objects.count()) == before


def test_twice_is_refused():
    """A second one of the name, and a second pause."""
    add()
    run("pause", "gh")
    assert refusal("pause", "gh") == "The route 'gh' is paused already."
    words = ("--kind", "asking", "--option", "url=http://a", "--secret", "api_key=env:THE_KEY")
    assert refusal("add", "gh", *words) == "There is a route 'gh' already."


def test_from_a_shell(transactional_db):
    """The kinds that there are, and a refusal without a stack trace."""
    done = from_a_shell("kinds")
    assert "simulator: Simulator\n  --option url (required): Where it takes messages" in done.stdout
    refused = from_a_shell("add", "gh", "--kind", "simulator", "--option", "url=http://127.0.0.1:1")
    assert (refused.returncode, refused.stderr) == (1, "CommandError: A simulator needs signing_secrets.\n")
