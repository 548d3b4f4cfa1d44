"""`sendMessage`: what is accepted, what is refused and how, and the idempotency key in its two places."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sms import scopes
from sms.database import in_thread
from sms.models import Message
from sms.services import accept
from tests.accounts import make_caller
from tests.graphql_api.http import EVERYTHING, SEND, given, post, send

OWN = {"priority": "OTP", "metadata": [{"name": "order", "value": "7"}]}
LATER = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

pytestmark = pytest.mark.django_db(transaction=True)


async def count():
    """How many messages are stored."""
    return await in_thread(Message.objects.count)


async def test_a_message_is_accepted_and_shown_whole(account):
    """The answer has everything that is known of the message, and it is stored."""
    result = await send(clientReference="order-7", deliveryPolicy="AT_LEAST_ONCE", validFor=600, **OWN)
    message = result["message"]
    stored = await in_thread(Message.objects.get)
    assert result == {
        "__typename": "SendMessageSuccess",
        "replayed": False,
        "idempotencyKey": None,
        "message": {
            "id": str(stored.id),
            "senderId": "MyCorp",
            "recipient": "+233200000901",
            "text": "Your code is 1234",
            "textDiscardedAt": None,
            "status": "QUEUED",
            "final": False,
            "encoding": "GSM7",
            "segments": 1,
            "price": None,
            "clientReference": "order-7",
            "metadata": [{"name": "order", "value": "7"}],
            "deliveryPolicy": "AT_LEAST_ONCE",
            "priority": "OTP",
            "test": False,
            "sendAt": None,
            "provider": None,
            "providerReference": None,
            "errorCode": None,
            "sequence": 1,
            "createdAt": stored.created_at.isoformat(),
            "updatedAt": stored.updated_at.isoformat(),
            "events": [
                {
                    "sequence": 1,
                    "status": "QUEUED",
                    "late": False,
                    "conflict": False,
                    "providerStatus": None,
                    "errorCode": None,
                    "providerError": None,
                    "detail": None,
                    "occurredAt": message["createdAt"],
                }
            ],
        },
    }
    assert stored.account_id == account.account_id


async def test_a_message_may_wait_for_its_time(account):
    """It is SCHEDULED, and says until when."""
    message = (await send(sendAt=LATER))["message"]
    assert message["status"] == "SCHEDULED"
    assert [one["status"] for one in message["events"]] == ["SCHEDULED"]
    assert datetime.fromisoformat(message["sendAt"]) == datetime.fromisoformat(LATER)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"senderId": "BadSender"}, "SENDER_ID_NOT_ALLOWED", "senderId"),
        ({"senderId": ""}, "SENDER_ID_INVALID", "senderId"),
        ({"recipient": "not a number"}, "RECIPIENT_INVALID", "recipient"),
        ({"recipient": "+233302123456"}, "RECIPIENT_NOT_MOBILE", "recipient"),
        ({"text": ""}, "TEXT_EMPTY", "text"),
        ({"text": "a\0b"}, "TEXT_INVALID", "text"),
        ({"text": "a" * 1531}, "TEXT_TOO_LONG", "text"),
        ({"text": "Please STOP this"}, "BLOCKED_KEYWORD", "text"),
        ({"clientReference": ""}, "CLIENT_REFERENCE_INVALID", "clientReference"),
        ({"validFor": 0}, "VALID_FOR_INVALID", "validFor"),
        ({"sendAt": "2020-01-01T00:00:00Z"}, "SEND_AT_INVALID", "sendAt"),
        ({"sendAt": LATER[:19]}, "SEND_AT_INVALID", "sendAt"),
        ({"metadata": [{"name": "n", "value": "1"}] * 2}, "METADATA_INVALID", "metadata"),
        ({"idempotencyKey": ""}, "IDEMPOTENCY_KEY_INVALID", "idempotencyKey"),
        ({"idempotencyKey": "with space"}, "IDEMPOTENCY_KEY_INVALID", "idempotencyKey"),
    ],
)
async def test_what_breaks_a_rule_is_refused_as_data(account, fields, code, field):
    """A refusal names its code and the field in the spelling of the input, and nothing is stored."""
    result = await send(**fields)
    assert (result["__typename"], result["code"], result["field"]) == ("InvalidMessage", code, field)
    assert result["detail"]
    assert await count() == 0


async def test_the_same_key_gives_the_same_message(account):
    """A repeat in another spelling is answered with the first message, and says so."""
    first = await send(idempotencyKey="k-1")
    again = await send(idempotencyKey='"k-1"', recipient="+233 20 000 0901")
    assert again == {**first, "replayed": True}
    assert await count() == 1


async def test_the_same_key_for_another_message_is_a_conflict(account):
    """The refusal is a member of the union of its own, and nothing is stored."""
    await send(idempotencyKey="k-1")
    result = await send(idempotencyKey="k-1", text="Another text")
    assert result.pop("detail")
    assert result == {"__typename": "IdempotencyConflict", "code": "IDEMPOTENCY_KEY_REUSED", "field": "idempotencyKey"}
    assert await count() == 1


async def test_concurrent_repeats_make_one_message(account):
    """However many come at once, one message is stored, and all get it."""
    results = await asyncio.gather(*(send(idempotencyKey="k-1") for _ in range(20)))
    assert len({result["message"]["id"] for result in results}) == 1
    assert sorted(result["replayed"] for result in results) == [False, *[True] * 19]
    assert await count() == 1


async def test_the_header_stands_for_the_input_field(account):
    """Over HTTP `Idempotency-Key` does what the input field does, also in the quoted form."""
    first = await send(headers={"idempotency-key": "k-1"})
    again = await send(idempotencyKey="k-1")
    quoted = await send(headers={"idempotency-key": '"k-1"'}, idempotencyKey="k-1")
    assert (again, quoted) == ({**first, "replayed": True},) * 2
    assert await count() == 1


@pytest.mark.parametrize("given_as", ["k-1", '"k-1"'])
@pytest.mark.parametrize("where", ["header", "input", "both"])
async def test_the_key_is_told_as_it_was_given(account, given_as, where):
    """Wherever it was given, without the quotes of its quoted form, for a new message and for a repeat."""
    headers = {} if where == "input" else {"idempotency-key": given_as}
    fields = {} if where == "header" else {"idempotencyKey": given_as}
    results = [await send(headers=headers, **fields) for _ in range(2)]
    assert [(one["idempotencyKey"], one["replayed"]) for one in results] == [("k-1", False), ("k-1", True)]


async def test_a_replay_is_told_in_a_header_as_in_rest(account):
    """`Idempotency-Replayed: true` comes with a repeat, and only with it."""
    answers = [await post(SEND + EVERYTHING, {"input": given()}, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]


@pytest.mark.parametrize("key", ["x" * 256, "with space", '""', "\xfc"])
async def test_a_bad_key_in_the_header_is_refused(account, key):
    """The header has the rules of the input field."""
    result = await send(headers={"idempotency-key": key})
    assert (result["code"], result["field"]) == ("IDEMPOTENCY_KEY_INVALID", "idempotencyKey")
    assert await count() == 0


async def test_two_different_keys_are_refused(account):
    """Header and input field may agree, but not differ."""
    result = await send(headers={"idempotency-key": "k-1"}, idempotencyKey="k-2")
    assert (result["code"], result["field"]) == ("IDEMPOTENCY_KEY_INVALID", "idempotencyKey")
    assert await count() == 0


TWO = """
mutation ($input: SendMessageInput!) { a: sendMessage(input: $input) { ...R } ...Another }
fragment Another on Mutation { b: sendMessage(input: $input) { ...R } }
fragment R on SendMessageResult { ... on Refusal { code } ... on SendMessageSuccess { replayed message { id } } }
"""


async def test_one_header_cannot_stand_for_two_messages(account):
    """With several fields nobody could say which message the header means, so none is sent."""
    answer = await post(TWO, {"input": given()}, headers={"idempotency-key": "k-1"})
    assert answer.data == {"a": {"code": "IDEMPOTENCY_KEY_INVALID"}, "b": {"code": "IDEMPOTENCY_KEY_INVALID"}}
    assert await count() == 0


async def test_one_document_may_send_several_messages(account):
    """Without the header every field is a message of its own."""
    data = (await post(TWO, {"input": given()})).data
    assert data["a"]["message"]["id"] != data["b"]["message"]["id"]
    assert await count() == 2


async def test_a_fragment_and_typename_do_not_count_as_fields(account):
    """One sendMessage behind a fragment is still one."""
    document = """
    mutation ($input: SendMessageInput!) { __typename ... on Mutation { ...Once } }
    fragment Once on Mutation { sendMessage(input: $input) { __typename } }
    """
    answer = await post(document, {"input": given()}, headers={"idempotency-key": "k-1"})
    assert answer.data["sendMessage"] == {"__typename": "SendMessageSuccess"}


async def test_a_key_without_the_scope_may_not_send(transactional_db):
    """403 with a code, no data, and nothing stored."""
    await in_thread(lambda: make_caller("reader", key="sms_reader", granted=[scopes.READ]))
    answer = await post(SEND + EVERYTHING, {"input": given()}, headers={"authorization": "Bearer sms_reader"})
    assert (answer.status, answer.codes, answer.json().get("data", "none")) == (403, ["PERMISSION_DENIED"], "none")
    assert await count() == 0


async def test_too_much_waiting_is_told_to_come_back(account, monkeypatch):
    """503 with Retry-After and a code."""
    monkeypatch.setattr(accept._accepts, "_most_waiting", 0)
    answer = await post(SEND + EVERYTHING, {"input": given()})
    assert (answer.status, answer.codes, answer.headers["retry-after"]) == (503, ["OVERLOADED"], "1")
    assert "data" not in answer.json()
