"""What is stored. Facts only: who may change a status stands in `statuses`, how it is done in `services`.

Ids are UUIDv7, made by us: they sort by time, so indexes grow at their right edge and stay fast at any size.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from sms.statuses import Status

STATUS_LENGTH = 11


def one_of_the_statuses(name: str) -> models.CheckConstraint:
    """The database knows the same twelve words as the code."""
    return models.CheckConstraint(condition=Q(status__in=sorted(Status)), name=name)


class Account(models.Model):
    """A tenant: everything belongs to exactly one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    blocked_keywords = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)  # messages a second
    daily_quota = models.PositiveIntegerField(null=True, blank=True)  # messages a day, by UTC
    discard_body_after = models.PositiveIntegerField(null=True, blank=True)  # hours after a message is final
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class SenderId(models.Model):
    """A sender ID that an account may use."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="sender_ids")
    value = models.CharField(max_length=16)

    class Meta:
        constraints = [models.UniqueConstraint("account", "value", name="sender_id_once_per_account")]

    def __str__(self) -> str:
        return self.value


class ApiKey(models.Model):
    """A way into an account. The secret itself is never stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, default="", blank=True)  # the owner's label
    prefix = models.CharField(max_length=16)  # what people see of it
    secret_sha256 = models.BinaryField(max_length=32, unique=True)
    is_test = models.BooleanField(default=False)  # its messages reach the simulator only
    scopes = ArrayField(models.CharField(max_length=50), default=list)
    allowed_networks = ArrayField(models.CharField(max_length=49), default=list, blank=True)  # empty: from anywhere
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)  # a minute old at most

    def __str__(self) -> str:
        return f"{self.prefix}…"


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
    provider = models.CharField(max_length=32, null=True)
    provider_reference = models.CharField(max_length=255, null=True)
    error_code = models.CharField(max_length=64, null=True)
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
            )
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
    lease = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index("priority", "due_at", condition=Q(purpose=1, lease=None), name="dispatch_due"),
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
    provider = models.CharField(max_length=32)
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


class Receipt(models.Model):
    """The inbox of delivery receipts (DLRs): stored before they are answered, processed after."""

    class Outcome(models.TextChoices):
        """What became of it."""

        APPLIED = "APPLIED"  # moved the status
        DUPLICATE = "DUPLICATE"  # said what was known already
        NOTED = "NOTED"  # kept in the history, moved nothing
        UNMATCHED = "UNMATCHED"  # no message turned up in time
        FAILED = "FAILED"  # could not be processed; set aside with its error

    provider = models.CharField(max_length=32)
    provider_reference = models.CharField(max_length=255)
    client_reference = models.UUIDField(null=True)  # our attempt's id, where the provider echoes it
    provider_status = models.CharField(max_length=64)
    status = models.CharField(max_length=STATUS_LENGTH, null=True)  # null: the word moves nothing
    error_code = models.CharField(max_length=64, null=True)  # the same word for every provider
    provider_error = models.CharField(max_length=64, null=True)  # the provider's own code
    body = models.BinaryField()  # as it came; empty once it is discarded
    received_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())  # when to try (again)
    tries = models.SmallIntegerField(default=0)
    processed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=9, null=True)
    message = models.ForeignKey(Message, on_delete=models.SET_NULL, null=True, db_index=False)
    error = models.CharField(max_length=255, null=True)

    state: str  # filled by `sms.receipts`

    class Meta:
        indexes = [
            models.Index("due_at", condition=Q(processed_at=None), name="receipt_unprocessed"),
            models.Index("provider", "provider_reference", condition=Q(processed_at=None), name="receipt_waiting"),
            models.Index("outcome", "id", condition=Q(outcome__in=["FAILED", "UNMATCHED"]), name="receipt_set_aside"),
            # As for the idempotency keys: rows come in the order of their time.
            BrinIndex(fields=["received_at"], autosummarize=True, name="receipt_age"),
            # To discard their bodies: a message's own, and those that nobody's message will take along.
            models.Index(fields=["message"], condition=Q(message__isnull=False), name="receipt_by_message"),
            models.Index(
                fields=["processed_at"],
                condition=Q(outcome__in=["FAILED", "UNMATCHED"]) & ~Q(body=b""),
                name="receipt_body_left",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.provider_reference} {self.provider_status}"


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


class Usage(models.Model):
    """How many messages an account had accepted on a day, by UTC: the sum over the slots.

    Whoever accepts counts in a slot of its own, so that nobody waits for another one's commit.
    """

    pk = models.CompositePrimaryKey("account", "day", "slot")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False)
    day = models.DateField()
    slot = models.SmallIntegerField()
    accepted = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}: {self.accepted}"


class Allowance(models.Model):
    """What an account with a rate limit may still send at once: a token bucket."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="allowance")
    tokens = models.FloatField()
    filled_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account_id}: {self.tokens}"


class Retention(models.Model):
    """How far an account's history has been looked through for bodies past their time: see `sms.services.discard`."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="retention")
    began_at = models.DateTimeField(db_default=Now())
    # The last event of the account's feed that was looked at.
    position = models.BigIntegerField(db_default=0)
    event_id = models.BigIntegerField(db_default=0)
    # The last message that was looked at, of those from before it began, some of which may be in no feed.
    message_id = models.UUIDField(null=True)
    is_through = models.BooleanField(db_default=False)  # with those

    def __str__(self) -> str:
        return f"{self.account_id}: {self.position}, {self.event_id}"


class Reconciliation(models.Model):
    """What one account of the messages came to: see `sms.services.reconcile`."""

    class Scope(models.TextChoices):
        """Which messages were looked at; the queue is always looked at whole."""

        RECENT = "RECENT"  # accepted within the last minutes
        CHANGING = "CHANGING"  # accepted so lately that something may still happen to them

    scope = models.CharField(max_length=8, choices=Scope)
    at = models.DateTimeField(db_default=Now())
    accepted = models.BigIntegerField()
    open = models.BigIntegerField()
    final = models.BigIntegerField()
    drift = models.JSONField(default=list)  # rule, count and a few ids, for each rule that is broken

    def __str__(self) -> str:
        return f"{self.at}: {len(self.drift)} of the rules broken"


class Clock(models.Model):
    """How far the database's clock had come when somebody last looked: one row, by which a step back is noticed."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="clock_is_one_row")]

    def __str__(self) -> str:
        return str(self.seen_at)
