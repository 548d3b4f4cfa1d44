"""`manage.py accounts`, as an operator uses it, against real PostgreSQL."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from sms import api_keys
from sms.models import Account, ApiKey
from tests import commands
from tests.messages import age

run = partial(commands.run, "accounts")
refusal = partial(commands.refusal, "accounts")
from_a_shell = partial(commands.from_a_shell, "accounts")


def facts(name):
    """What `show` says of an account."""
    return {line[:19].strip(): line[20:] for line in run("show", name) if not line.startswith("sms_")}


@pytest.fixture
def shop(transactional_db):
    """An account that may send as MyCorp."""
    run("create", "shop", "--sender-id", "MyCorp")
    return Account.objects.get(name="shop")


def new_key(*words):
    """Create a key and return its row, with its secret."""
    (secret,) = run("create-key", "shop", *words)
    key = ApiKey.objects.latest("id")
    assert bytes(key.secret_sha256) == api_keys.digest(secret)
    assert key.prefix == secret[:16]
    key.secret = secret
    return key


def test_an_account_is_created_with_all_it_has(transactional_db):
    """And shown with all of it."""
    said = run(
        *("create", "Corner shop", "--sender-id", "MyCorp", "--sender-id", "+233200000901"),
        *("--blocked-keyword", "WIN", "--blocked-keyword", "click here", "--rate-limit", 5, "--daily-quota", 1000),
        *("--discard-body-after", 24),
    )
    assert said == ["Created the account 'Corner shop'."]
    account = Account.objects.get()
    assert facts("Corner shop") == {
        "id": str(account.id),
        "name": "Corner shop",
        "created": f"{account.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "sender IDs": "+233200000901, MyCorp",
        "blocked keywords": "WIN, click here",
        "rate limit": "5",
        "daily quota": "1000",
        "accepted today": "0",
        "budget": "none",
        "spent this month": "-",
        "texts are kept": "for 24 hours after a message is final",
    }
    assert run("list") == ["Corner shop                     rate limit 5  daily quota 1000  +233200000901, MyCorp"]


def test_an_account_has_no_limits_unless_told(shop):
    """But STOP is blocked."""
    shown = facts("shop")
    assert [shown[name] for name in ("blocked keywords", "rate limit", "daily quota", "texts are kept")] == [
        *("STOP", "none", "none", "for ever")
    ]


def test_what_is_set_is_set_and_nothing_else(shop):
    """Every setting can be cleared again."""
    run("set", "shop", "--rate-limit", 7)
    run("set", "shop", "--daily-quota", 70, "--blocked-keyword", "WIN")
    shop.refresh_from_db()
    assert (shop.rate_limit, shop.daily_quota, shop.discard_body_after, shop.blocked_keywords) == (7, 70, None, ["WIN"])
    run("set", "shop", "--rate-limit", "none", "--daily-quota", "none", "--no-blocked-keywords")
    run("set", "shop", "--discard-body-after", 0)
    shop.refresh_from_db()
    assert (shop.rate_limit, shop.daily_quota, shop.discard_body_after, shop.blocked_keywords) == (None, None, 0, [])


def test_a_budget_is_an_amount_in_a_currency(shop):
    """Either can be changed alone, once both are there; without the amount there is none."""
    run("set", "shop", "--budget", "100", "--currency", "eur")
    assert facts("shop")["budget"] == "100.00 EUR"
    run("set", "shop", "--budget", "99.5")
    run("set", "shop", "--currency", "USD")
    assert facts("shop")["budget"] == "99.50 USD"
    assert "A budget has a currency" in refusal("set", "shop", "--currency", "none")
    run("set", "shop", "--budget", "none")
    assert facts("shop")["budget"] == "none"


def test_sender_ids_come_and_go(shop):
    """Twice is as good as once."""
    assert run("add-sender-id", "shop", "Other") == ["'shop' may send as 'Other'."]
    run("add-sender-id", "shop", "Other")
    assert facts("shop")["sender IDs"] == "MyCorp, Other"
    assert run("remove-sender-id", "shop", "MyCorp") == ["'shop' may no longer send as 'MyCorp'."]
    assert facts("shop")["sender IDs"] == "Other"


def test_a_key_is_printed_once_with_nothing_around_it(shop):
    """So a script can take it; afterwards only its beginning is shown."""
    key = new_key()
    assert re.fullmatch(r"sms_live_[0-9A-Za-z]{36}", key.secret)
    assert (key.is_test, key.scopes, key.name, key.expires_at, key.allowed_networks) == (
        *(False, ["messages:send", "messages:read"], "API key", None, []),
    )
    (line,) = run("keys", "shop")
    words = [f"{key.prefix}…", "live", "valid", "used never", "messages:send,messages:read", "from anywhere", "API key"]
    assert line.split("  ") == [*words, str(key.id)]
    assert run("show", "shop")[-1] == line
    assert key.secret not in "\n".join(run("show", "shop") + run("list"))


def test_a_key_has_what_it_was_given(shop):
    """Kind, scopes, label, life and networks."""
    key = new_key(
        *("--test", "--scope", "admin", "--scope", "messages:read", "--name", "backoffice", "--expires", 30),
        *("--network", "203.0.113.0/24", "--network", "2001:DB8::1/128"),
    )
    assert key.secret.startswith("sms_test_")
    assert (key.is_test, key.scopes, key.name) == (True, ["messages:read", "admin"], "backoffice")
    assert key.allowed_networks == ["203.0.113.0/24", "2001:db8::1"]
    assert timedelta(days=29, hours=23) < key.expires_at - datetime.now(UTC) < timedelta(days=30, hours=1)
    (line,) = run("keys", "shop")
    assert f"valid until {key.expires_at:%Y-%m-%dT%H:%M:%SZ}" in line
    assert "from 203.0.113.0/24,2001:db8::1" in line


@pytest.mark.parametrize(
    ("written", "expires"),
    [("2099-01-31", "2099-01-31T00:00:00Z"), ("2099-01-31T12:00:00+01:00", "2099-01-31T11:00:00Z")],
)
def test_a_key_expires_when_a_day_begins(shop, written, expires):
    """By UTC, unless it is said otherwise."""
    assert f"{new_key('--expires', written).expires_at:%Y-%m-%dT%H:%M:%SZ}" == expires


@pytest.mark.parametrize("by", ["prefix", "id", "secret"])
def test_a_key_is_revoked_by_whatever_names_it(shop, by):
    """Once and for ever; the others stay."""
    other, key = new_key(), new_key()
    said = run("revoke-key", getattr(key, by))
    key.refresh_from_db()
    assert said == [f"The API key {key} of 'shop' is revoked since {key.revoked_at:%Y-%m-%dT%H:%M:%SZ}."]
    assert run("revoke-key", key.id) == said
    other.refresh_from_db()
    assert other.revoked_at is None
    assert [line.split("  ")[2].split()[0] for line in run("keys", "shop")] == ["revoked", "valid"]


def test_a_key_is_rotated_into_one_that_may_do_the_same(shop):
    """The old one goes on for a day, and the new one lives as long as the old one was to."""
    old = new_key("--test", "--scope", "messages:send", "--name", "till", "--expires", 10, "--network", "203.0.113.7")
    age("sms_apikey", "created_at", "5 days", id=old.id)
    age("sms_apikey", "expires_at", "5 days", id=old.id)
    (secret,) = run("rotate-key", old.prefix)
    new = ApiKey.objects.latest("id")
    old.refresh_from_db()
    assert secret.startswith("sms_test_")
    assert bytes(new.secret_sha256) == api_keys.digest(secret) != bytes(old.secret_sha256)
    for same in ("account_id", "name", "is_test", "scopes", "allowed_networks"):
        assert getattr(new, same) == getattr(old, same)
    soon = timedelta(minutes=5)
    assert abs(old.expires_at - datetime.now(UTC) - timedelta(hours=24)) < soon
    assert abs(new.expires_at - datetime.now(UTC) - timedelta(days=10)) < soon


def test_a_leaked_key_is_replaced_at_once(shop):
    """And one that would have expired sooner does not live longer for being replaced."""
    leaked, ending = new_key(), new_key("--expires", 1)
    run("rotate-key", leaked.id, "--hours", 0)
    run("rotate-key", ending.id, "--hours", 48)
    leaked.refresh_from_db()
    assert leaked.expires_at <= datetime.now(UTC) + timedelta(seconds=1)
    was = ending.expires_at
    ending.refresh_from_db()
    assert ending.expires_at == was
    assert "is expired; create a new one." in refusal("rotate-key", leaked.id)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: action"),
        (["mend"], "invalid choice: 'mend'"),
        (["create"], "the following arguments are required: NAME"),
        (["create", "shop"], "There is an account 'shop' already."),
        (["create", " shop"], "An account's name has 1 to 100 printable characters"),
        (["create", "x" * 101], "An account's name has 1 to 100 printable characters"),
        (["create", "new", "--sender-id", "Far too long"], "'Far too long': The sender ID has 12 characters"),
        (["create", "new", "--blocked-keyword", " "], "There are at most 100 blocked keywords"),
        (["create", "new", "--rate-limit", "0"], "A rate limit is a number of messages a second, from 1"),
        (["create", "new", "--daily-quota", "0"], "A daily quota is a number of messages, from 1"),
        (["create", "new", "--rate-limit", "2147483648"], "'2147483648' is neither a number"),
        (["create", "new", "--rate-limit", "-1"], "neither a number from 0 to 2147483647 nor 'none'"),
        (["create", "new", "--rate-limit", "many"], "'many' is neither a number"),
        (["set", "shop"], "There is nothing to set."),
        (["set", "shop", "--budget", "100"], "A budget has a currency, such as EUR."),
        (["create", "new", "--budget", "100"], "A budget has a currency, such as EUR."),
        (["set", "shop", "--budget", "-1"], "neither an amount such as 100.00 nor 'none'"),
        (["set", "shop", "--budget", "1.005", "--currency", "EUR"], "'1.005' is neither an amount such as 100.00"),
        (["set", "shop", "--budget", "1", "--currency", "euro"], "A currency is written as in ISO 4217"),
        (["set", "nobody", "--rate-limit", "1"], "There is no account 'nobody'."),
        (["set", "shop", "--blocked-keyword", "A", "--no-blocked-keywords"], "not allowed with argument"),
        (["show", "nobody"], "There is no account 'nobody'."),
        (["keys", "nobody"], "There is no account 'nobody'."),
        (["add-sender-id", "nobody", "MyCorp"], "There is no account 'nobody'."),
        (["add-sender-id", "shop", "1"], "'1': A sender ID without letters"),
        (["remove-sender-id", "shop", "Other"], "The account 'shop' has no sender ID 'Other'."),
        (["create-key", "nobody"], "There is no account 'nobody'."),
        (["create-key", "shop", "--scope", "messages:delete"], "There is no scope 'messages:delete'; there are"),
        (["create-key", "shop", "--network", "10.0.0.1/8"], "'10.0.0.1/8' has bits set behind its prefix"),
        (["create-key", "shop", "--network", "home"], "'home' is neither an IP address nor a network"),
        (["create-key", "shop", "--expires", "soon"], "'soon' is neither a number of days nor a date"),
        (["create-key", "shop", "--expires", "0"], "'0' is neither a number of days nor a date"),
        (["create-key", "shop", "--expires", "2020-01-01"], "A key cannot expire in the past."),
        (["create-key", "shop", "--name", ""], "A key's name has 1 to 100 printable characters"),
        (["revoke-key", "sms_live_abcdefg"], "There is no API key 'sms_live_abcdefg'."),
        (["revoke-key", "sms_live_"], "Name a key by its id, or by 12 characters at least of its beginning."),
        (["revoke-key", "00000000-0000-0000-0000-000000000000"], "There is no API key '00000000-0000-00…'."),
        (["rotate-key", "sms_live_abcdefg", "--hours", "one"], "'one' is not a number of hours"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(shop, words, said):
    """With exit code 1, and nothing has changed."""
    before = list(Account.objects.values()), list(ApiKey.objects.values())
    assert said in refusal(*words)
    assert (list(Account.objects.values()), list(ApiKey.objects.values())) == before


def test_a_key_must_be_named_so_that_it_is_one(shop):
    """Two that begin alike are told apart by their ids."""
    keys = [new_key(), new_key()]
    ApiKey.objects.update(prefix="sms_live_abcdefg")
    said = refusal("revoke-key", "sms_live_abc")
    assert said.startswith("Several API keys begin with 'sms_live_abc': name one by its id")
    assert all(str(key.id) in said for key in keys)
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_a_secret_that_is_not_known_is_not_repeated(shop):
    """Who pastes a wrong one does not find it in the log of a shell."""
    secret = new_key().secret
    run("revoke-key", secret)
    wrong = secret[:-1] + "-"
    ApiKey.objects.all().delete()
    assert wrong not in refusal("revoke-key", wrong)


def test_a_prefix_may_be_given_with_the_dots_of_the_list(shop):
    """As it is copied from there."""
    key = new_key()
    assert run("revoke-key", str(key))


@pytest.mark.parametrize(("words", "code"), [(["show", "nobody"], 1), (["mend"], 1), (["--help"], 0), (["list"], 0)])
def test_from_a_shell_it_exits_1_with_a_sentence(shop, words, code):
    """And never with a stack trace."""
    done = from_a_shell(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert bool(done.stderr.strip()) is bool(code)


def test_from_a_shell_only_the_secret_is_printed(shop):
    """KEY=$(manage.py accounts create-key shop) has the key, and a person reads what to do with it."""
    done = from_a_shell("create-key", "shop")
    assert re.fullmatch(r"sms_live_[0-9A-Za-z]{36}\n", done.stdout)
    assert "never shown again" in done.stderr
