"""What providers say of our messages."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from sms.models.messages import STATUS_LENGTH, Message


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
    price = models.DecimalField(max_digits=14, decimal_places=6, null=True)  # that the provider tells
    currency = models.CharField(max_length=3, null=True)
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
