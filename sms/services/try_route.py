"""Send one live message by a given route, whatever it and the others are doing, to see what becomes of it."""

from typing import Final, NamedTuple

from sms.database import query
from sms.errors import SmsError
from sms.records import MessageRecord
from sms.routing import snapshot
from sms.routing.choose import PINNED
from sms.selectors import get_message
from sms.services import authenticate, new_message, store
from sms.services.accounts import NotChanged
from sms.services.authenticate import Caller

VALID_FOR: Final = 3600  # seconds
TEXT: Final = "This is a test of the route {route}."


class Sent(NamedTuple):
    """A message that is on its way."""

    caller: Caller
    message: MessageRecord


def send(route: str, *, account: str, recipient: str, sender_id: str | None = None, text: str | None = None) -> Sent:
    """Accept the message as anybody's, for that route and no other. Raises NotChanged, Unavailable."""
    caller = authenticate.as_account(account)
    if caller is None:
        raise NotChanged(f"There is no account '{account}'.")
    snapshot.forget()
    try:
        route_id = snapshot.current().by_name(route).id
    except KeyError:
        raise NotChanged(f"There is no route '{route}'.") from None
    try:
        new = new_message.check(
            caller,
            sender_id=sender_id or _only(caller),
            recipient=recipient,
            text=text or TEXT.format(route=route),
            valid_for=VALID_FOR,
        )
    except SmsError as error:
        raise NotChanged(str(error)) from None
    new.route_id, new.reason = route_id, PINNED
    (stored,) = store.store([new])
    if isinstance(stored, SmsError):
        raise NotChanged(str(stored))
    store.nudge_for([stored.message])
    return Sent(caller, stored.message)


def _only(caller: Caller) -> str:
    if len(caller.sender_ids) != 1:
        raise NotChanged(f"Say which of its sender IDs '{caller.account_name}' is to use.")
    return next(iter(caller.sender_ids))


def look(sent: Sent) -> MessageRecord:
    """Return the message as it is now, with its history. Raises Unavailable."""
    return query(get_message, sent.caller.account_id, sent.message.id)
