"""Messages for tests, made the way the service makes them."""

from datetime import timedelta
from uuid import uuid4

from django.db import connection

from sms.database import transact
from sms.models import DispatchEntry, Message, MessageEvent, SubmitAttempt
from sms.services import moves
from sms.services.moves import Move
from sms.services.new_message import check
from sms.services.store import store as store_messages
from sms.statuses import FINAL, Status


def store(caller, **fields):
    """Accept one message and return its row as stored."""
    request = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Hello"}
    new = check(caller, **{**request, **fields})
    store_messages([new])
    return Message.objects.get(id=new.id)


def store_as(caller, status, **fields):
    """Return a message in any status, with the queue entry and the attempt that belong to it."""
    message = store(caller, **fields)
    Message.objects.filter(id=message.id).update(status=status)
    MessageEvent.objects.filter(message=message).update(status=status)
    if status in FINAL:
        DispatchEntry.objects.filter(message=message).delete()
    if status is Status.SENDING:
        DispatchEntry.objects.filter(message=message).update(lease=uuid4(), attempts=1)
    if status in {Status.SENT, Status.UNCERTAIN}:
        DispatchEntry.objects.filter(message=message).update(purpose=DispatchEntry.Purpose.SETTLE, attempts=1)
    message.refresh_from_db()
    return message


def attempt(message, *, reference=None, number=1, provider="simulator"):
    """Store a submit attempt."""
    return SubmitAttempt.objects.create(message=message, number=number, provider=provider, provider_reference=reference)


def apply(*asked):
    """Apply moves in a transaction of their own and return the changes to announce."""
    return transact(lambda: moves.apply(moves.lock([move.message_id for move in asked]), asked))


def move(message, status, **fields):
    """Return a move of a message."""
    return Move(message.id, None if status is None else Status(status), **fields)


def history(message):
    """Return a message's history as (sequence, status) pairs."""
    return list(MessageEvent.objects.filter(message=message).order_by("id").values_list("sequence", "status"))


def make_due(message):
    """Let the message's queue entry be due now."""
    DispatchEntry.objects.filter(message=message).update(due_at=message.created_at - timedelta(seconds=1))


def age(table, column, interval, **where):
    """Move a time in one table into the past: what a test would otherwise have to wait for."""
    names = " AND ".join(f"{name} = %s" for name in where)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = {column} - %s::interval WHERE {names}", [interval, *where.values()]
        )
