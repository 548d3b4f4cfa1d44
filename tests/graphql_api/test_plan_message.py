"""`planMessage`: what would become of a message, told as data."""

import pytest

from sms import scopes
from sms.database import in_thread
from sms.models import Message
from tests.accounts import make_caller
from tests.graphql_api.http import given, post, send
from tests.graphql_api.sockets import opened

pytestmark = pytest.mark.django_db(transaction=True)

PLAN = """
query Plan($input: PlanMessageInput!) {
  planMessage(input: $input) {
    accepted
    recipient { number country countryName carrier numberType }
    text encoding segments segmentsIfTransliterated
    characters { character name count positions replacement }
    verdicts { rule ok code field detail }
    route { provider batch reason }
  }
}
"""


async def plan(**fields):
    """Plan one message and return what is told of it."""
    return (await post(PLAN, {"input": given(**fields)})).data["planMessage"]


def kept(rule, field):
    """The verdict of a rule that is kept."""
    return {"rule": rule, "ok": True, "code": None, "field": field, "detail": None}


async def test_a_plan_is_shown_whole(account):
    """Recipient, text, what forces UCS-2, every rule's verdict, and the route."""
    assert await plan(text="“Code” 1234") == {
        "accepted": True,
        "recipient": {
            "number": "+233200000901",
            "country": "GH",
            "countryName": "Ghana",
            "carrier": "Telecel",
            "numberType": "MOBILE",
        },
        "text": "“Code” 1234",
        "encoding": "UCS2",
        "segments": 1,
        "segmentsIfTransliterated": 1,
        "characters": [
            {
                "character": "“",
                "name": "LEFT DOUBLE QUOTATION MARK",
                "count": 1,
                "positions": [0],
                "replacement": '"',
            },
            {
                "character": "”",
                "name": "RIGHT DOUBLE QUOTATION MARK",
                "count": 1,
                "positions": [5],
                "replacement": '"',
            },
        ],
        "verdicts": [
            kept("SENDER_ID", "senderId"),
            kept("SENDER_ID_ALLOWED", "senderId"),
            kept("RECIPIENT", "recipient"),
            kept("TEXT", "text"),
            kept("BLOCKED_KEYWORDS", "text"),
            kept("LENGTH", "text"),
            kept("CLIENT_REFERENCE", "clientReference"),
            kept("DELIVERY_POLICY", "deliveryPolicy"),
            kept("VALID_FOR", "validFor"),
            kept("SEND_AT", "sendAt"),
            kept("PRIORITY", "priority"),
            kept("METADATA", "metadata"),
            kept("IDEMPOTENCY_KEY", "idempotencyKey"),
            kept("OPT_OUT", "recipient"),
        ],
        "route": {"provider": "simulator", "batch": True, "reason": "there is no route yet"},
    }
    assert await in_thread(Message.objects.count) == 0


async def test_what_is_broken_is_a_verdict_and_no_error(account):
    """A number that is none, and all else that is wrong, in one answer."""
    planned = await plan(recipient="not a number", senderId="BadSender", text="STOP", validFor=1)
    assert (planned["accepted"], planned["recipient"], planned["route"]) == (False, None, None)
    broken = [(one["code"], one["field"]) for one in planned["verdicts"] if one["ok"] is False]
    assert broken == [
        ("SENDER_ID_NOT_ALLOWED", "senderId"),
        ("RECIPIENT_INVALID", "recipient"),
        ("BLOCKED_KEYWORD", "text"),
        ("VALID_FOR_INVALID", "validFor"),
    ]
    assert all(one["detail"] for one in planned["verdicts"] if one["code"])


async def test_every_field_of_a_send_can_be_planned(account):
    """What is planned with all of them is what is then sent."""
    fields = {
        "text": "“Hello”",
        "transliterate": True,
        "clientReference": "order-7",
        "deliveryPolicy": "AT_LEAST_ONCE",
        "validFor": 600,
        "priority": "OTP",
        "metadata": [{"name": "order", "value": "7"}],
        "idempotencyKey": "k",
    }
    planned = await plan(**fields)
    message = (await send(**fields))["message"]
    assert planned["accepted"]
    assert (planned["text"], planned["encoding"], planned["segments"]) == ('"Hello"', "GSM7", 1)
    assert (message["text"], message["encoding"], message["segments"]) == ('"Hello"', "GSM7", 1)


async def test_transliterated_messages_may_come_in_a_batch(account):
    """Each message has its own say."""
    document = """
    mutation ($input: SendMessagesInput!) { sendMessages(input: $input) {
      ... on SendMessagesPayload { results { message { text encoding } } } } }
    """
    messages = [given(text="“one”", transliterate=True), given(text="“two”", transliterate=False), given(text="“3”")]
    data = (await post(document, {"input": {"messages": messages, "idempotencyKey": "b"}})).data
    assert [(one["message"]["text"], one["message"]["encoding"]) for one in data["sendMessages"]["results"]] == [
        ('"one"', "GSM7"),
        ("“two”", "UCS2"),
        ("“3”", "UCS2"),
    ]


async def test_who_may_not_send_may_not_plan(transactional_db):
    """403 with a code, and no data."""
    await in_thread(lambda: make_caller("reader", key="sms_reader", granted=[scopes.READ]))
    answer = await post(PLAN, {"input": given()}, headers={"authorization": "Bearer sms_reader"})
    assert (answer.status, answer.codes, answer.json().get("data", "none")) == (403, ["PERMISSION_DENIED"], "none")


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "TEXT_EMPTY"), ("a\0b", "TEXT_INVALID"), ("…" * 10_001, "TEXT_TOO_LONG")],
    ids=["empty", "NUL", "far too long"],
)
async def test_what_is_no_text_to_send_is_not_shown(account, text, code):
    """It is a verdict like any other; what hangs on it is left open, and a flood does not come back."""
    planned = await plan(text=text)
    assert [(one["rule"], one["code"]) for one in planned["verdicts"] if one["ok"] is False] == [("TEXT", code)]
    assert [one["rule"] for one in planned["verdicts"] if one["ok"] is None] == ["BLOCKED_KEYWORDS", "LENGTH"]
    shown = ("text", "encoding", "segments", "segmentsIfTransliterated")
    assert [planned[name] for name in shown] == [None] * 4
    assert planned["characters"] == []


async def test_what_is_no_sender_id_is_a_verdict(account):
    """Also a character that the database does not take: nobody is asked about it."""
    planned = await plan(senderId="a\0b")
    assert [(one["rule"], one["code"]) for one in planned["verdicts"] if one["ok"] is False] == [
        ("SENDER_ID", "SENDER_ID_INVALID")
    ]
    assert [one["rule"] for one in planned["verdicts"] if one["ok"] is None] == ["SENDER_ID_ALLOWED", "OPT_OUT"]


async def test_a_plan_can_be_asked_for_through_a_socket(account, served):
    """As any other query."""
    async with opened(served, init=True) as socket:
        answer = await socket.run(PLAN, {"input": given()})
    assert answer["data"]["planMessage"] == await plan()
