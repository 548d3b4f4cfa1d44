"""`cancelMessage`: what is withdrawn, and what is refused and how."""

import uuid

import pytest

from sms import scopes
from sms.database import in_thread
from sms.models import Message
from tests.accounts import make_caller
from tests.graphql_api.conftest import change
from tests.graphql_api.http import EVERYTHING, post
from tests.messages import history, store

pytestmark = pytest.mark.django_db(transaction=True)

CANCEL = """
mutation Cancel($id: ID!) {
  cancelMessage(id: $id) {
    __typename
    ... on CancelMessageSuccess { message { ...Everything } }
    ... on Refusal { code field detail }
  }
}
"""
UNKNOWN = {"__typename": "MessageNotFound", "code": "MESSAGE_NOT_FOUND", "field": "id"}


async def cancel(message_id, **options):
    """Cancel one message and return what became of it."""
    return (await post(CANCEL + EVERYTHING, {"id": str(message_id)}, **options)).data["cancelMessage"]


async def test_a_message_is_withdrawn_and_shown_whole(account):
    """The answer has the message as it is now, with its history; a repeat has the same."""
    message = await in_thread(store, account)
    result = await cancel(message.id)
    shown = result["message"]
    assert result["__typename"] == "CancelMessageSuccess"
    assert (shown["id"], shown["status"], shown["final"], shown["sequence"]) == (str(message.id), "CANCELED", True, 2)
    assert [(event["sequence"], event["status"]) for event in shown["events"]] == [(1, "QUEUED"), (2, "CANCELED")]
    assert await cancel(message.id) == result
    assert await in_thread(history, message) == [(1, "QUEUED"), (2, "CANCELED")]


async def test_what_was_sent_is_refused_as_data(account):
    """The refusal has its code and names the present status, and nothing changes."""
    message = await in_thread(store, account)
    await change(message, "SENDING")
    await change(message, "SENT", provider_reference="r-1")
    result = await cancel(message.id)
    assert "SENT" in result.pop("detail")
    assert result == {"__typename": "NotCancelable", "code": "NOT_CANCELABLE", "field": "id"}
    assert (await in_thread(Message.objects.get)).status == "SENT"


@pytest.mark.parametrize("message_id", ["", "nonsense", "123", "\0", "0" * 10_000, "' OR 1=1 --", "💥", uuid.uuid4()])
async def test_an_id_that_is_none_is_refused_as_data(account, message_id):
    """A malformed id and one that nobody has are the same."""
    result = await cancel(message_id)
    assert result.pop("detail")
    assert result == UNKNOWN


async def test_another_accounts_message_does_not_exist(account):
    """It is refused as an unknown id, and stays as it is."""
    theirs = await in_thread(store, await in_thread(make_caller, "other"))
    result = await cancel(theirs.id)
    assert result.pop("detail")
    assert result == UNKNOWN
    assert (await in_thread(Message.objects.get)).status == "QUEUED"


async def test_a_key_without_the_scope_may_not_cancel(transactional_db):
    """403 with a code, no data, and nothing changed."""
    reader = await in_thread(lambda: make_caller("reader", key="sms_reader", granted=[scopes.READ]))
    message = await in_thread(store, reader)
    headers = {"authorization": "Bearer sms_reader"}
    answer = await post(CANCEL + EVERYTHING, {"id": str(message.id)}, headers=headers)
    assert (answer.status, answer.codes, answer.json().get("data", "none")) == (403, ["PERMISSION_DENIED"], "none")
    assert (await in_thread(Message.objects.get)).status == "QUEUED"


async def test_without_a_key_nothing_is_canceled(account):
    """A wrong key is 401, and the message stays as it is."""
    message = await in_thread(store, account)
    headers = {"authorization": "Bearer sms_wrong"}
    answer = await post(CANCEL + EVERYTHING, {"id": str(message.id)}, headers=headers)
    assert (answer.status, answer.codes) == (401, ["UNAUTHENTICATED"])
    assert (await in_thread(Message.objects.get)).status == "QUEUED"
