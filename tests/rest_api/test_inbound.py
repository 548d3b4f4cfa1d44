"""`/api/inbound/` and `/api/opt-outs/`: what handsets sent, and who wants no more texts."""

import re
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from sms import scopes
from sms.models import ApiKey, InboundMessage, OptOut
from tests.accounts import make_caller
from tests.http import call
from tests.inbound import THEM, US, say, sent
from tests.rest_api.http import problem, request

INBOUND = "/api/inbound/"
OPT_OUTS = "/api/opt-outs/"
OTHER = "+233200000902"


def texts(**query):
    """What is listed, newest first."""
    answer = request("GET", INBOUND, query=query)
    assert answer.status == 200, answer.body
    return [one["text"] for one in answer.json()["texts"]]


@pytest.fixture
def three(account):
    """Three texts to the account, and one to another one."""
    sent(make_caller("other"), recipient=OTHER)
    say("theirs", sender=OTHER)
    sent(account)
    sent(account, recipient=OTHER)
    return [say("first"), say("second", sender=OTHER), say("STOP", recipient="1234")]


class TestTexts:
    """The list of texts."""

    def test_a_text_is_shown_with_all_that_is_known(self, account):
        """As it was stored."""
        message = sent(account)
        row = say("Hello", reference="mo-x")
        assert request("GET", INBOUND).json() == {
            "texts": [
                {
                    "id": str(row.id),
                    "sender": THEM,
                    "recipient": US,
                    "text": "Hello",
                    "text_discarded_at": None,
                    "complete": True,
                    "keyword": None,
                    "answers": str(message.id),
                    "test": False,
                    "provider": "simulator",
                    "sent_at": None,
                    "received_at": row.received_at.isoformat().replace("+00:00", "Z"),
                }
            ],
            "next": None,
        }

    def test_they_are_ones_own_newest_first(self, three):
        """Another account's are in no list."""
        assert texts() == ["STOP", "second", "first"]

    def test_filters_leave_what_has_all_of_it(self, three):
        """Numbers in any way that a send takes them, short codes as they are."""
        assert texts(sender="0200000901") == ["STOP", "first"]
        assert texts(sender=OTHER) == ["second"]
        assert texts(recipient="1234") == texts(keyword="STOP") == ["STOP"]
        assert texts(recipient=US, sender=THEM) == ["first"]
        assert texts(keyword="START") == texts(test="true") == []
        middle = three[1].received_at
        assert texts(received_after=middle.isoformat()) == ["STOP", "second"]
        assert texts(received_before=middle.isoformat()) == ["first"]
        assert texts(received_after=(middle - timedelta(days=1)).isoformat(), test="false") == texts()

    def test_pages_follow_each_other_by_cursor_or_by_link(self, three):
        """As those of messages do."""
        first = request("GET", INBOUND, query={"limit": 2, "test": "false"})
        path = re.fullmatch(r'<([^>]+)>; rel="next"', first.headers["link"])[1]
        assert path.startswith("/api/inbound/?limit=2&test=false&after=")
        second = request("GET", INBOUND, query=path.partition("?")[2].encode())
        assert [one["text"] for one in [*first.json()["texts"], *second.json()["texts"]]] == ["STOP", "second", "first"]
        assert (second.json()["next"], "link" in second.headers) == (None, False)

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ({"limit": 0}, "PAGE_SIZE_INVALID"),
            ({"limit": 101}, "PAGE_SIZE_INVALID"),
            ({"after": "x"}, "CURSOR_INVALID"),
            ({"sender": ""}, "FILTER_INVALID"),
            ({"sender": "a\nb"}, "FILTER_INVALID"),
            ({"received_after": "2027-01-31T09:00:00"}, "FILTER_INVALID"),
            ({"keyword": "stop"}, "INVALID_REQUEST"),
            ({"text": "x"}, "INVALID_REQUEST"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, account, query, code):
        """With a code."""
        assert problem(request("GET", INBOUND, query=query)) == (400, code)

    def test_a_test_key_sees_test_texts_only(self, account, three):
        """Live people's words are not for tests."""
        InboundMessage.objects.filter(id=three[0].id).update(is_test=True)
        ApiKey.objects.update(is_test=True)
        assert texts() == texts(test="true") == ["first"]
        assert texts(test="false") == []

    def test_a_key_needs_the_scope(self, account):
        """Of reading."""
        ApiKey.objects.update(scopes=[scopes.SEND])
        assert problem(request("GET", INBOUND)) == (403, "PERMISSION_DENIED")
        assert problem(request("GET", OPT_OUTS)) == (403, "PERMISSION_DENIED")
        assert problem(request("GET", INBOUND, key="wrong")) == (401, "UNAUTHENTICATED")


class TestOptOuts:
    """Over real HTTP, where there is a body."""

    def test_a_number_is_added_listed_and_taken_away(self, stack):
        """And refused at a send in between."""
        url = f"{stack.url}{OPT_OUTS}"
        number = f"+23324{uuid4().int % 10**7:07}"
        added = call("POST", url, {"recipient": number, "reason": "a letter"})
        assert (added.status, added.json()["recipient"], added.json()["reason"]) == (200, number, "a letter")
        assert call("POST", url, {"recipient": number}).json() == added.json()
        assert call("GET", f"{url}?recipient=%2B{number[1:]}").json() == {"opt_outs": [added.json()], "next": None}
        assert stack.send(recipient=number).json()["code"] == "RECIPIENT_OPTED_OUT"
        batch = {"messages": [{"sender_id": "MyCorp", "recipient": number, "text": "Hello"}]}
        answer = call("POST", f"{stack.url}/api/messages/batch/", batch, {"Idempotency-Key": number})
        assert answer.json()["results"][0]["refusal"]["code"] == "RECIPIENT_OPTED_OUT"
        plan = call("POST", f"{stack.url}/api/messages/plan/", batch["messages"][0]).json()
        assert (plan["accepted"], plan["verdicts"][-1]["code"]) == (False, "RECIPIENT_OPTED_OUT")
        gone = call("DELETE", f"{url}{added.json()['id']}/")
        assert (gone.status, gone.json()) == (200, added.json())
        assert call("DELETE", f"{url}{added.json()['id']}/").json()["code"] == "OPT_OUT_NOT_FOUND"
        assert stack.send(recipient=number).status == 202

    def test_what_is_no_opt_out_is_refused(self, stack):
        """With the field to mend."""
        url = f"{stack.url}{OPT_OUTS}"
        for body, code in [
            ({"recipient": "x"}, "RECIPIENT_INVALID"),
            ({"recipient": THEM, "sender_id": "far too long a name"}, "SENDER_ID_INVALID"),
            ({"recipient": THEM, "reason": "\n"}, "REASON_INVALID"),
            ({"recipient": 7}, "INVALID_REQUEST"),
            ({}, "INVALID_REQUEST"),
            ({"recipient": THEM, "why": "?"}, "INVALID_REQUEST"),
        ]:
            answer = call("POST", url, body)
            assert (answer.status, answer.json()["code"]) == (400, code)

    @pytest.mark.parametrize("id_", ["x", uuid4(), "01a20a72-3c11-7b52-8d1e-2c9a7e4b9a01/x"])
    def test_an_unknown_id_is_not_found(self, account, id_):
        """Whatever its form."""
        assert problem(request("DELETE", f"{OPT_OUTS}{id_}/")) == (404, "OPT_OUT_NOT_FOUND")

    def test_another_accounts_opt_out_does_not_exist(self, account):
        """Neither in a list nor to be taken away."""
        other = make_caller("other")
        row = OptOut.objects.create(account_id=other.account_id, recipient=THEM, reason="STOP")
        assert request("GET", OPT_OUTS).json() == {"opt_outs": [], "next": None}
        assert problem(request("DELETE", f"{OPT_OUTS}{row.id}/")) == (404, "OPT_OUT_NOT_FOUND")
        assert OptOut.objects.count() == 1


def test_times_are_by_utc(account):
    """As everywhere."""
    sent(account)
    say("Hello", received_at=datetime.fromisoformat("2026-11-01T09:00:00+02:00"))
    assert request("GET", INBOUND).json()["texts"][0]["sent_at"] == "2026-11-01T07:00:00Z"
