"""Texts to handsets (MT): each with its history, its place in the queue, and its attempts."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from sms.models.accounts import Account
from sms.statuses import Status

STATUS_LENGTH = 11


def one_of_the_statuses(name: str) -> models.CheckConstraint:
    """The database knows the same twelve words as the code."""
    return models.CheckConstraint(condition=Q(status__in=sorted(Status)), name=name)


class DeliveryPolicy(models.TextChoices):
    """What to do when nobody knows whether the provider took a message."""

    AT_MOST_ONCE = "AT_MOST_ONCE"  # never send it again
    AT_LEAST_ONCE = "AT_LEAST_ONCE"  # send it again: better twice than not at all


class Priority(models.IntegerChoices):
    """Whose turn it is when several wait: the lower number's."""

    OTP = 1, "OTP"  # somebody waits for it
    NORMAL = 5, "NORMAL"
    BULK = 9, "BULK"  # may wait for all others


class Message(models.Model):
    """One text to one recipient (MT).

    No index covers a column that changes, so PostgreSQL can update rows in place (HOT); the migration leaves room.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    sender_id = models.CharField(max_length=16)
    recipient = models.CharField(max_length=16)  # E.164
    text = models.TextField()
    encoding = models.CharField(max_length=4)
    segment_count = models.SmallIntegerField()
    client_reference = models.CharField(max_length=255, null=True)
    metadata = models.JSONField(null=True)  # the caller's own names and values, all of them texts
    delivery_policy = models.CharField(max_length=13, choices=DeliveryPolicy, default=DeliveryPolicy.AT_MOST_ONCE)
    priority = models.SmallIntegerField(choices=Priority, db_default=Priority.NORMAL)
    is_test = models.BooleanField(db_default=False)  # for the simulator only
    send_at = models.DateTimeField(null=True)  # where it was to wait
    status = models.CharField(max_length=STATUS_LENGTH)
    sequence = models.IntegerField()  # of the last applied change
    provider = models.CharField(max_length=32, null=True)  # the name of the route that took it
    provider_reference = models.CharField(max_length=255, null=True)
    error_code = models.CharField(max_length=64, null=True)
    # What all its segments cost, and where that is counted in `Spend`: see `sms.services.costs`. Null while nothing is
    # known of a price.
    price = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    currency = models.CharField(max_length=3, null=True)  # ISO 4217
    price_is_estimate = models.BooleanField(null=True)  # planned by its route's price; its provider has not said it
    charged_to = models.CharField(
        max_length=32, null=True
    )  # the name of the route; empty: it is not counted (any more)
    charged_on = models.DateField(null=True)  # the day, by UTC, on which it was accepted, and stays counted
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())  # of the last applied change
    body_discarded_at = models.DateTimeField(null=True)  # since then `text` is empty, and there is no metadata

    class Meta:
        indexes = [
            models.Index(fields=["account", "id"], name="message_by_account"),
            models.Index(fields=["recipient", "account", "id"], name="message_by_recipient"),
            models.Index(
                fields=["account", "client_reference", "id"],
                condition=Q(client_reference__isnull=False),
                name="message_by_reference",
            ),
        ]
        constraints = [one_of_the_statuses("message_status")]

    def __str__(self) -> str:
        return str(self.id)


class CurrentPosition(Func):
    """Where in its account's feed an event stands that is written now: see docs/adr/0007-accounts-lists-feeds.md.

    At the number of its transaction, or of a later one that had ended when the statement began: so no event stands
    before one that its writer could see.
    """

    function = "sms_position"
    template = "greatest(%(function)s(pg_current_xact_id()), %(function)s(pg_snapshot_xmax(pg_current_snapshot())) - 1)"
    output_field = models.BigIntegerField()


class MessageEvent(models.Model):
    """One line of a message's history.

    A change of status has the next `sequence`. What moved nothing (an unknown word, a contradiction) has none, and is
    kept all the same. Rows are only ever added, in the commit of the change they tell of.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="events", db_index=False)
    sequence = models.IntegerField(null=True)
    status = models.CharField(max_length=STATUS_LENGTH)  # of the message after this event
    late = models.BooleanField(default=False)  # corrects a soft final
    conflict = models.BooleanField(default=False)  # contradicts a final status
    provider_status = models.CharField(max_length=64, null=True)  # the provider's own word
    error_code = models.CharField(max_length=64, null=True)  # the same word for every provider
    provider_error = models.CharField(max_length=64, null=True)  # the provider's own code
    detail = models.CharField(max_length=255, null=True)
    occurred_at = models.DateTimeField(db_default=Now())
    # Without a constraint: an event is written together with its message, or right under its lock.
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False)
    position = models.BigIntegerField(null=True, db_default=CurrentPosition())

    class Meta:
        # The feed of an account; what was written before there were feeds has no account.
        indexes = [
            models.Index(
                fields=["account", "position", "id"],
                condition=Q(account__isnull=False, sequence__isnull=False),
                name="event_feed",
            ),
            # To find what a clock wrote ahead, and never much else.
            BrinIndex(fields=["occurred_at"], autosummarize=True, name="event_age"),
        ]
        constraints = [
            models.UniqueConstraint("message", "sequence", name="event_sequence_once"),
            one_of_the_statuses("event_status"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} #{self.sequence} {self.status}"


class DispatchEntry(models.Model):
    """What has to happen next to an open message, and when: the work queue. Gone when the message is final.

    SUBMIT without a lease: due for a worker. SUBMIT with a lease: a worker has it; when the lease passes, its attempt
    is uncertain. SETTLE: submitted (or perhaps submitted); when due without a receipt, the message is UNKNOWN.
    SCHEDULE: waits for its send time, and is QUEUED then.
    """

    class Purpose(models.IntegerChoices):
        """SUBMIT hands over; SETTLE waits for a receipt; SCHEDULE waits for the send time."""

        SUBMIT = 1
        SETTLE = 2
        SCHEDULE = 3

    message = models.OneToOneField(Message, on_delete=models.CASCADE, primary_key=True, related_name="dispatch_entry")
    purpose = models.SmallIntegerField(choices=Purpose, default=Purpose.SUBMIT)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    due_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()  # validity: not submitted after this
    attempts = models.SmallIntegerField(default=0)
    # By which it goes next. No constraint: that would be looked up for each message. 0: the built-in simulator.
    route_id = models.SmallIntegerField(db_default=0)
    reason = models.CharField(max_length=255, null=True)  # why by that one, where there was a choice
    lease = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index("route_id", "priority", "due_at", condition=Q(purpose=1, lease=None), name="dispatch_due"),
            models.Index("due_at", condition=Q(lease__isnull=False), name="dispatch_leased"),
            models.Index("due_at", condition=Q(purpose=2), name="dispatch_settle"),
            models.Index("due_at", condition=Q(purpose=3), name="dispatch_scheduled"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.Purpose(self.purpose).label}"


class SubmitAttempt(models.Model):
    """One try to hand a message to a provider, written before the provider is called.

    Its id is the client reference that the provider sees.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempts")
    number = models.SmallIntegerField()
    provider = models.CharField(max_length=32)  # the name of the route
    reason = models.CharField(max_length=255, null=True)  # why this route
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, null=True)  # SENT, NOT_SENT, MAYBE_SENT; null while open
    provider_reference = models.CharField(max_length=255, null=True)
    error_code = models.CharField(max_length=64, null=True)  # the same word for every provider
    provider_error = models.CharField(max_length=64, null=True)  # the provider's own code
    detail = models.CharField(max_length=255, null=True)

    class Meta:
        indexes = [
            # Not unique: a provider that gives one reference twice must not stop a whole batch.
            models.Index(
                fields=["provider", "provider_reference"],
                condition=Q(provider_reference__isnull=False),
                name="attempt_by_reference",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} attempt {self.number}"


class IdempotencyKey(models.Model):
    """An account's promise "this is the same request", kept in the commit of the message it made."""

    # Of the account and its key. Its index is the only one into which each message is inserted at random, and so one of
    # its pages, most often, into the log as a whole: no larger than it has to be.
    digest = models.UUIDField(primary_key=True, editable=False)
    fingerprint = models.BinaryField(max_length=32)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, db_index=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        # Rows come in the order of their time, so a block-range index finds the old ones at almost no cost.
        indexes = [BrinIndex(fields=["created_at"], autosummarize=True, name="idempotency_key_age")]

    def __str__(self) -> str:
        return f"key of {self.message_id}"
