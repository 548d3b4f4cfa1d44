"""`sendMessages`: many messages in one request, a result for each."""

import pytest

from sms.database import in_thread
from sms.models import Message
from tests.graphql_api.http import given, post

pytestmark = pytest.mark.django_db(transaction=True)

SEND_MANY = """
mutation Send($input: SendMessagesInput!) {
  sendMessages(input: $input) {
    __typename
    ... on SendMessagesPayload {
      accepted refused idempotencyKey
      results { replayed idempotencyKey message { id text status events { sequence } } refusal { code field detail } }
    }
    ... on Refusal { code field detail }
  }
}
"""


async def send_many(*messages, headers=None, **fields):
    """Send messages and return what became of them."""
    return (await post(SEND_MANY, {"input": {"messages": messages, **fields}}, headers=headers)).data["sendMessages"]


async def count():
    """How many messages are stored."""
    return await in_thread(Message.objects.count)


async def test_each_message_has_a_result_in_its_place(account):
    """Either a message or a refusal, whose field is spelled as in the input."""
    result = await send_many(given(text="one"), given(senderId="BadSender"), given(text="three"), idempotencyKey="b")
    rows = result.pop("results")
    assert result == {"__typename": "SendMessagesPayload", "accepted": 2, "refused": 1, "idempotencyKey": "b"}
    assert [row["message"] and row["message"]["text"] for row in rows] == ["one", None, "three"]
    assert rows[0]["message"]["status"] == "QUEUED"
    assert rows[0]["message"]["events"] == [{"sequence": 1}]
    assert [row["refusal"] and row["refusal"]["code"] for row in rows] == [None, "SENDER_ID_NOT_ALLOWED", None]
    assert rows[1]["refusal"]["field"] == "senderId"
    assert await count() == 2


async def test_all_or_nothing(account):
    """One refusal refuses all, and says of which it was."""
    result = await send_many(given(), given(text="STOP"), idempotencyKey="b", errorPolicy="ALL_OR_NOTHING")
    assert (result["accepted"], result["refused"]) == (0, 2)
    assert [row["refusal"]["code"] for row in result["results"]] == ["BATCH_REFUSED", "BLOCKED_KEYWORD"]
    assert await count() == 0


async def test_the_header_is_the_key_of_the_batch(account):
    """A repeat gives the same messages, and a header tells that all of them were there."""
    asked = {"input": {"messages": [given(text="one"), given(text="two")]}}
    answers = [await post(SEND_MANY, asked, headers={"idempotency-key": "b"}) for _ in range(2)]
    first, again = (answer.data["sendMessages"]["results"] for answer in answers)
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]
    assert [row["message"]["id"] for row in again] == [row["message"]["id"] for row in first]
    assert [row["replayed"] for row in first + again] == [False, False, True, True]
    assert await count() == 2


@pytest.mark.parametrize(
    ("fields", "headers", "code", "field"),
    [
        ({}, None, "IDEMPOTENCY_KEY_REQUIRED", "idempotencyKey"),
        ({"idempotencyKey": "a b"}, None, "IDEMPOTENCY_KEY_INVALID", "idempotencyKey"),
        ({"idempotencyKey": "a"}, {"idempotency-key": "b"}, "IDEMPOTENCY_KEY_INVALID", "idempotencyKey"),
    ],
)
async def test_a_batch_that_cannot_be_taken_is_refused_as_data(account, fields, headers, code, field):
    """The refusal is a member of the union, and nothing is stored."""
    result = await send_many(given(), headers=headers, **fields)
    assert (result["__typename"], result["code"], result["field"]) == ("InvalidBatch", code, field)
    assert await count() == 0


async def test_none_and_too_many_are_refused(account):
    """The limits are told."""
    for messages in ([], [given()] * 1001):
        result = await send_many(*messages, idempotencyKey="b")
        assert (result["__typename"], result["code"], result["field"]) == ("InvalidBatch", "BATCH_INVALID", "messages")
    assert await count() == 0


async def test_a_thousand_of_the_longest_texts_fit(account):
    """The body may be as large as what it may ask for."""
    longest = (given(text="\N{BLACK SCISSORS}" * 667 + f"{n:03}") for n in range(1000))
    result = await send_many(*longest, idempotencyKey="b")
    assert (result["accepted"], result["refused"]) == (1000, 0)
    assert await count() == 1000


@pytest.mark.parametrize("headers", [None, {"idempotency-key": '"b"'}])
async def test_each_message_tells_the_key_that_is_its_own(account, headers):
    """Clean; null where the batch's stands for it, and where it was refused. The batch tells its own."""
    fields = {} if headers else {"idempotencyKey": '"b"'}
    messages = [given(), given(text="own", idempotencyKey='"own"'), given(text="", idempotencyKey="refused")]
    for _ in range(2):
        result = await send_many(*messages, headers=headers, **fields)
        assert result["idempotencyKey"] == "b"
        assert [row["idempotencyKey"] for row in result["results"]] == [None, "own", None]


async def test_a_batch_of_messages_with_keys_of_their_own_has_none(account):
    """Null, as none was given."""
    result = await send_many(given(idempotencyKey="own"))
    assert (result["idempotencyKey"], result["results"][0]["idempotencyKey"]) == (None, "own")


@pytest.mark.parametrize("fields", [{}, {"duplicates": None}, {"duplicates": "COLLAPSE"}])
async def test_equal_messages_are_one_unless_something_else_is_said(account, fields):
    """The later one is answered with the first one's message."""
    result = await send_many(given(), given(recipient="+233 20 000 0901"), idempotencyKey="b", **fields)
    first, later = result["results"]
    assert (result["accepted"], first["replayed"]) == (2, False)
    assert later == {**first, "replayed": True}
    assert await count() == 1


async def test_equal_messages_are_allowed(account):
    """Each is a message of its own."""
    result = await send_many(given(), given(), idempotencyKey="b", duplicates="ALLOW")
    assert [row["replayed"] for row in result["results"]] == [False, False]
    assert await count() == 2


@pytest.mark.parametrize(
    ("policy", "codes", "stored"),
    [
        ("EACH_ROW", [None, "DUPLICATE_IN_BATCH"], 1),
        ("ALL_OR_NOTHING", ["BATCH_REFUSED", "DUPLICATE_IN_BATCH"], 0),
    ],
)
async def test_equal_messages_are_rejected(account, policy, codes, stored):
    """The later one is refused, and with it all of them where it is all or nothing."""
    result = await send_many(given(), given(), idempotencyKey="b", duplicates="REJECT", errorPolicy=policy)
    assert [row["refusal"] and row["refusal"]["code"] for row in result["results"]] == codes
    assert await count() == stored
