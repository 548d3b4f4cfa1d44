"""`message`: what an account may read."""

import uuid
from datetime import datetime
from functools import partial

import pytest

from sms import scopes
from sms.database import in_thread
from sms.models import Account, Message
from sms.services.discard import discard_bodies
from tests.accounts import make_caller
from tests.graphql_api.conftest import change
from tests.graphql_api.http import EVERYTHING, post
from tests.messages import store

pytestmark = pytest.mark.django_db(transaction=True)

SHOW = "query ($id: ID!) { message(id: $id) { ...Everything } }" + EVERYTHING


async def show(message_id, **options):
    """Ask for one message."""
    return (await post(SHOW, {"id": str(message_id)}, **options)).data["message"]


async def test_a_message_is_shown_with_its_whole_history(account):
    """Changes have a sequence; what moved nothing is in the history without one."""
    message = await in_thread(store, account)
    await change(message, "SENDING")
    await change(message, "SENT", provider="simulator", provider_reference="r-1")
    await change(message, None, provider_status="ENROUTE")
    await change(message, "UNDELIVERED", provider_status="UNDELIVERED", error_code="absent_subscriber")
    await change(message, "DELIVERED", provider_status="DELIVERED")
    shown = await show(message.id)
    assert [
        (e["sequence"], e["status"], e["late"], e["conflict"], e["providerStatus"], e["errorCode"])
        for e in shown["events"]
    ] == [
        (1, "QUEUED", False, False, None, None),
        (2, "SENDING", False, False, None, None),
        (3, "SENT", False, False, None, None),
        (None, "SENT", False, False, "ENROUTE", None),
        (4, "UNDELIVERED", False, False, "UNDELIVERED", "absent_subscriber"),
        (5, "DELIVERED", True, False, "DELIVERED", None),
    ]
    expected = {
        "status": "DELIVERED",
        "final": True,
        "sequence": 5,
        "provider": "simulator",
        "providerReference": "r-1",
    }
    assert {name: shown[name] for name in expected} == expected


async def test_a_text_that_is_discarded_is_empty_and_says_since_when(account):
    """So is the metadata; whoever reads it need not guess whether there ever was one."""
    message = await in_thread(partial(store, account, metadata=[("login", "7f3a")]))
    before = await show(message.id)
    assert (before["text"], before["textDiscardedAt"]) == ("Hello", None)
    await change(message, "DELIVERED")
    await in_thread(_discard_at_once)
    after = await show(message.id)
    discarded_at = (await in_thread(partial(Message.objects.get, id=message.id))).body_discarded_at
    assert (after["text"], after["metadata"]) == ("", [])
    assert datetime.fromisoformat(after["textDiscardedAt"]) == discarded_at


def _discard_at_once():
    Account.objects.update(discard_body_after=0)
    assert discard_bodies() == 1


async def test_another_accounts_message_does_not_exist(account):
    """Whoever asks for it sees what they would see for an id that nobody has."""
    other = await in_thread(store, await in_thread(make_caller, "other"))
    assert await show(other.id) is None
    assert await show(uuid.uuid4()) is None


@pytest.mark.parametrize("message_id", ["", "nonsense", "123", "\0", "0" * 10_000, "' OR 1=1 --", "💥"])
async def test_a_malformed_id_is_no_message(account, message_id):
    """An id that is none is answered as one that does not exist, without an error."""
    assert await show(message_id) is None


async def test_a_key_without_the_scope_may_not_read(transactional_db):
    """403 with a code, and no data."""
    sender = await in_thread(make_caller, "sender")
    message = await in_thread(store, sender)
    await in_thread(lambda: make_caller("x", key="sms_sender", granted=[scopes.SEND]))
    answer = await post(SHOW, {"id": str(message.id)}, headers={"authorization": "Bearer sms_sender"})
    assert (answer.status, answer.codes, "data" in answer.json()) == (403, ["PERMISSION_DENIED"], False)
