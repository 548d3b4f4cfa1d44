"""Accounts and keys in the admin: what is changed there is checked as everywhere."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session

from sms import api_keys
from sms.models import Account, ApiKey
from sms.services import accounts, keys
from tests.admin.conftest import fill_in

ACCOUNTS, KEYS = "/admin/sms/account/", "/admin/sms/apikey/"


@pytest.fixture
def shop(client):
    """An account that may send as MyCorp."""
    return accounts.create("shop", sender_ids=["MyCorp"])


def errors(answer):
    """What a form that is shown again says."""
    assert answer.status_code == 200
    found = answer.context["errors"]
    return " ".join(str(one) for one in found)


def test_an_account_is_created_with_its_sender_ids(client):
    """In one go."""
    answer = fill_in(
        client,
        f"{ACCOUNTS}add/",
        **{
            "name": "shop",
            "blocked_keywords": "STOP, click here",
            "rate_limit": "5",
            "budget": "100",
            "budget_currency": "EUR",
            "sender_ids-TOTAL_FORMS": "2",
            "sender_ids-0-value": "MyCorp",
            "sender_ids-1-value": "+233200000901",
        },
    )
    assert (answer.status_code, answer["location"]) == (302, ACCOUNTS)
    account = Account.objects.get()
    assert (account.name, account.blocked_keywords, account.rate_limit) == ("shop", ["STOP", "click here"], 5)
    assert (account.daily_quota, account.discard_body_after) == (None, None)
    assert (account.budget, account.budget_currency) == (100, "EUR")
    assert sorted(account.sender_ids.values_list("value", flat=True)) == ["+233200000901", "MyCorp"]


def test_an_account_is_changed_and_keeps_its_name(client, shop):
    """By which scripts know it."""
    answer = fill_in(client, f"{ACCOUNTS}{shop.id}/change/", name="other", daily_quota="100", blocked_keywords="")
    assert answer.status_code == 302
    shop.refresh_from_db()
    assert (shop.name, shop.daily_quota, shop.blocked_keywords) == ("shop", 100, [])
    assert list(shop.sender_ids.values_list("value", flat=True)) == ["MyCorp"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "shop"}, "already exists"),
        ({"name": "new", "rate_limit": "0"}, "A rate limit is a number of messages a second, from 1"),
        ({"name": "new", "daily_quota": "-1"}, "greater than or equal to 0"),
        ({"name": "new", "budget": "100"}, "A budget has a currency"),
        ({"name": "new", "budget": "-1", "budget_currency": "EUR"}, "A budget is an amount a month, from 0"),
        ({"name": "new", "budget": "1", "budget_currency": "E"}, "A currency is written as in ISO 4217"),
        ({"name": "new\u202ename"}, "1 to 100 printable characters"),
        ({"name": "new", "sender_ids-TOTAL_FORMS": "1", "sender_ids-0-value": "Far too long"}, "has 12 characters"),
    ],
)
def test_what_breaks_a_rule_is_said_in_the_form(client, shop, fields, said):
    """And nothing is stored."""
    assert said in errors(fill_in(client, f"{ACCOUNTS}add/", **fields))
    assert list(Account.objects.values_list("name", flat=True)) == ["shop"]


def test_a_new_key_is_shown_once_and_kept_nowhere(client, shop):
    """Not even for the next page; only its digest is stored."""
    answer = fill_in(
        client,
        f"{KEYS}add/",
        account=str(shop.id),
        name="till",
        is_test="on",
        scopes=["messages:send"],
        allowed_networks="203.0.113.0/24\n2001:db8::1",
    )
    assert answer.status_code == 200
    assert "no-store" in answer["cache-control"]
    (secret,) = re.findall(r"sms_test_[0-9A-Za-z]{36}", answer.content.decode())
    key = ApiKey.objects.get()
    assert bytes(key.secret_sha256) == api_keys.digest(secret)
    assert (key.account, key.name, key.is_test, key.scopes) == (shop, "till", True, ["messages:send"])
    assert (key.allowed_networks, key.expires_at) == (["203.0.113.0/24", "2001:db8::1"], None)
    for path in (KEYS, f"{KEYS}{key.id}/change/", f"{ACCOUNTS}{shop.id}/change/", "/admin/"):
        page = client.get(path)
        assert page.status_code == 200
        assert secret not in page.content.decode()
    kept = [*LogEntry.objects.values(), *(one.get_decoded() for one in Session.objects.all()), client.cookies.output()]
    assert secret not in str(kept)
    assert [(one.object_id, one.is_addition()) for one in LogEntry.objects.all()] == [(str(key.id), True)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"allowed_networks": "10.0.0.1/8"}, "has bits set behind its prefix"),
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["messages:delete"]}, "messages:delete is not one of the available choices"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "A key cannot expire in the past."),
        ({"account": "00000000-0000-0000-0000-000000000000"}, "Select a valid choice"),
    ],
)
def test_a_key_that_cannot_be_is_not_made(client, shop, fields, said):
    """The form says why."""
    answer = fill_in(client, f"{KEYS}add/", **{"account": str(shop.id), **fields})
    assert said in errors(answer).replace("&#x27;", "'")
    assert not ApiKey.objects.exists()


def test_chosen_keys_are_revoked(client, shop):
    """And who did it is written down; the others stay."""
    lost, stays = keys.create("shop").key, keys.create("shop").key
    page = client.get(KEYS)
    chosen = {"action": "revoke", "_selected_action": [str(lost.id)]}
    answer = client.post(KEYS, {**chosen, "csrfmiddlewaretoken": str(page.context["csrf_token"])}, follow=True)
    assert "1 revoked" in answer.content.decode()
    lost.refresh_from_db()
    stays.refresh_from_db()
    assert lost.revoked_at is not None
    assert stays.revoked_at is None
    assert [(one.object_id, one.change_message) for one in LogEntry.objects.all()] == [(str(lost.id), "Revoked.")]


def test_keys_are_neither_changed_nor_deleted(client, shop):
    """Nor are accounts deleted, with all that was sent."""
    key = keys.create("shop").key
    for path in (f"{KEYS}{key.id}/delete/", f"{ACCOUNTS}{shop.id}/delete/"):
        assert client.get(path).status_code == 403
    page = client.get(f"{KEYS}{key.id}/change/")
    assert b'name="_save"' not in page.content
    token = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    assert client.post(f"{KEYS}{key.id}/change/", {**token, "name": "other"}).status_code == 403
    key.refresh_from_db()
    assert key.name == "API key"
