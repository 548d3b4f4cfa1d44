"""Texts from handsets (MO), and who does not want any more of ours."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from sms.models.accounts import Account
from sms.models.messages import Message


class InboundMessage(models.Model):
    """One text from a handset, all of its parts; stored once, however often the provider tells of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Whose conversation it is part of; none where the number never had a text from us.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, db_index=False)
    provider = models.CharField(max_length=32)  # the route that it came by
    provider_reference = models.CharField(max_length=255)  # of its first part
    sender = models.CharField(max_length=32)  # the handset's number
    recipient = models.CharField(max_length=32)  # what it was sent to
    text = models.TextField()
    keyword = models.CharField(max_length=32, null=True)  # STOP or START, where it says one of those
    answers = models.ForeignKey(Message, on_delete=models.SET_NULL, null=True, db_index=False)  # the last text to it
    received_at = models.DateTimeField(db_default=Now())
    body_discarded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint("provider", "provider_reference", name="inbound_once")]
        indexes = [
            models.Index(fields=["account", "id"], condition=Q(account__isnull=False), name="inbound_by_account"),
            models.Index(fields=["sender", "id"], name="inbound_by_sender"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class InboundPart(models.Model):
    """A part of a text that is not whole yet."""

    provider = models.CharField(max_length=32)
    sender = models.CharField(max_length=32)
    recipient = models.CharField(max_length=32)
    reference = models.CharField(max_length=64)  # the same for all parts
    number = models.SmallIntegerField()  # from 1
    total = models.SmallIntegerField()
    provider_reference = models.CharField(max_length=255)
    text = models.TextField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint("provider", "sender", "recipient", "reference", "number", name="inbound_part_once")
        ]
        indexes = [models.Index(fields=["received_at"], name="inbound_part_age")]

    def __str__(self) -> str:
        return f"{self.provider} {self.reference} {self.number}/{self.total}"


class OptOut(models.Model):
    """A number that wants no more texts from an account."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False)
    recipient = models.CharField(max_length=16)  # E.164
    sender_id = models.CharField(max_length=16, default="", blank=True)  # of this one only; empty: of all
    reason = models.CharField(max_length=255)  # the word that was said, or who entered it
    inbound = models.ForeignKey(InboundMessage, on_delete=models.SET_NULL, null=True, db_index=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint("account", "recipient", "sender_id", name="opt_out_once")]
        indexes = [models.Index(fields=["account", "id"], name="opt_out_by_account")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.id}"
