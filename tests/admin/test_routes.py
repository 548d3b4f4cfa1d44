"""Routes in the admin: checked as everywhere, and a secret goes in, and never out."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session

from sms.credentials import Safe
from sms.models import Route, RouteBreaker, RouteChange
from tests.admin.conftest import fill_in
from tests.admin.test_accounts import errors

ROUTES = "/admin/sms/route/"
SECRET = "a-signing-secret-of-the-tests"
GIVEN = {"name": "gh", "kind": "simulator", "said": "url=http://127.0.0.1:9", "secrets": f"signing_secrets={SECRET}"}


@pytest.fixture
def gh(client):
    """A route."""
    answer = fill_in(client, f"{ROUTES}add/", **GIVEN, countries="gh, KE", weight="50", reason="a trial")
    assert answer.status_code == 302, answer.context["errors"]
    return Route.objects.get()


def secrets_of(route, settings):
    """What is encrypted in its row."""
    return Safe(settings.SMS_CREDENTIALS_KEYS).decrypt(bytes(route.credentials))


def test_a_route_is_added(gh, settings):
    """With its rules, its secret encrypted, and who added it and why."""
    assert (gh.kind, gh.options, gh.countries, gh.weight) == (
        *("simulator", {"url": "http://127.0.0.1:9"}),
        *(["GH", "KE"], 50),
    )
    assert secrets_of(gh, settings) == {"signing_secrets": SECRET}
    assert [(one.by, one.what, one.reason) for one in RouteChange.objects.all()] == [
        ("operator", "added, of the kind simulator", "a trial")
    ]


def test_a_secret_is_shown_nowhere(client, gh):
    """On no page, in no log entry, and not in a form that is shown again with an error."""
    again = fill_in(client, f"{ROUTES}add/", **{**GIVEN, "name": "Not a name", "secrets": "signing_secrets=wrong-one"})
    pages = [client.get(path).content.decode() for path in (ROUTES, f"{ROUTES}{gh.id}/change/", "/admin/")]
    kept = [*LogEntry.objects.values(), *(one.get_decoded() for one in Session.objects.all())]
    told = "".join([*pages, again.content.decode(), str(kept)])
    assert SECRET not in told
    assert "wrong-one" not in told
    assert "signing_secrets" in pages[1]


def test_it_is_changed_without_saying_its_secret_again(client, gh, settings):
    """And keeps its name and its kind."""
    RouteBreaker.objects.create(route=gh, country="GH", probe_at=gh.created_at, reason="PROVIDER_AUTH")
    answer = fill_in(
        client, f"{ROUTES}{gh.id}/change/", name="other", said="url=http://127.0.0.1:8", throughput="20", countries=""
    )
    assert answer.status_code == 302
    gh.refresh_from_db()
    assert (gh.name, gh.options, gh.throughput, gh.countries) == ("gh", {"url": "http://127.0.0.1:8"}, 20, [])
    assert secrets_of(gh, settings) == {"signing_secrets": SECRET}
    assert not RouteBreaker.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "gh"}, "already exists"),
        ({"name": "A B"}, "lower-case letters and digits"),
        ({"name": "new", "countries": "XX"}, "is not a country such as GH."),
        ({"name": "new", "price": "1"}, "A price and its currency go together."),
        ({"name": "new", "said": "url"}, "Write one NAME=VALUE a line."),
        ({"name": "new", "kind": "pigeon"}, "Select a valid choice"),
    ],
)
def test_what_breaks_a_rule_is_said_in_the_form(client, gh, fields, said):
    """And nothing is stored."""
    assert said in errors(fill_in(client, f"{ROUTES}add/", **{**GIVEN, **fields})).replace("&#x27;", "'")
    assert Route.objects.count() == 1


def test_what_its_kind_does_not_take_is_said_above_the_form(client, gh):
    """An option that there is none of, or one that is missing."""
    answer = fill_in(client, f"{ROUTES}add/", **{**GIVEN, "name": "new", "secrets": ""})
    assert answer.status_code == 200
    assert "A simulator needs signing_secrets." in answer.content.decode()
    assert Route.objects.count() == 1


def test_routes_are_paused_and_resumed_and_never_deleted(client, gh):
    """By an action, which is written down."""
    for action, is_paused in (("pause", True), ("resume", False)):
        page = client.get(ROUTES)
        token = str(page.context["csrf_token"])
        client.post(ROUTES, {"action": action, "_selected_action": [str(gh.id)], "csrfmiddlewaretoken": token})
        gh.refresh_from_db()
        assert gh.is_paused is is_paused
    assert [one.what for one in RouteChange.objects.order_by("id")][1:] == ["paused", "resumed"]
    assert client.get(f"{ROUTES}{gh.id}/delete/").status_code == 403


def test_who_may_only_look_sees_all_but_the_secrets(client, gh, operator):
    """Without a form."""
    operator.is_superuser = False
    operator.save()
    operator.user_permissions.add(*Permission.objects.filter(codename__in=["view_route", "view_routechange"]))
    page = client.get(f"{ROUTES}{gh.id}/change/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "signing_secrets" in text
    assert "http://127.0.0.1:9" in text
    assert SECRET not in text
    assert 'name="_save"' not in text
