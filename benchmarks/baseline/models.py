"""One row for each message."""

import uuid

from django.db import models


class Message(models.Model):
    """A message and its status."""

    class Status(models.TextChoices):
        """What is known of it."""

        QUEUED = "QUEUED"
        SENDING = "SENDING"
        SENT = "SENT"
        FAILED = "FAILED"
        UNDELIVERED = "UNDELIVERED"
        DELIVERED = "DELIVERED"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sender_id = models.CharField(max_length=16)
    recipient = models.CharField(max_length=16)
    text = models.TextField()
    status = models.CharField(max_length=11, choices=Status.choices, default=Status.QUEUED)
    idempotency_key = models.CharField(max_length=255, unique=True, null=True)
    provider_reference = models.CharField(max_length=255, db_index=True, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self):
        return str(self.id)
