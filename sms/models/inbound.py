"""Texts from handsets (MO), and who does not want any more of ours."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from sms.models.accounts import Account
from sms.models.messages import CurrentPosition, Message
from sms.phone_numbers import LONGEST_PARTY


class InboundMessage(models.Model):
    """One text from a handset, all of its parts; stored once, however often the provider tells of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Whose conversation it is part of; none where the number never had a text from us.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, db_index=False)
    provider = models.CharField(max_length=32)  # the route that it came by
    provider_reference = models.CharField(max_length=255)  # of its first part
    sender = models.CharField(max_length=LONGEST_PARTY)  # the handset's number, E.164 where it is one
    recipient = models.CharField(max_length=LONGEST_PARTY)  # what it was sent to
    text = models.TextField()
    is_complete = models.BooleanField(db_default=True)  # all parts of it came
    keyword = models.CharField(max_length=32, null=True)  # STOP or START, where it says one of those
    # The last text to the number. Without a constraint: that would wait for whoever holds the message.
    answers = models.ForeignKey(
        Message, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="replies"
    )
    is_test = models.BooleanField(db_default=False)  # an answer to a test message
    sent_at = models.DateTimeField(null=True)  # by the provider's clock, where it says
    received_at = models.DateTimeField(db_default=Now())
    body_discarded_at = models.DateTimeField(null=True)
    position = models.BigIntegerField(db_default=CurrentPosition())  # in the account's feed of them

    class Meta:
        constraints = [models.UniqueConstraint("provider", "provider_reference", name="inbound_once")]
        indexes = [
            models.Index(fields=["account", "id"], condition=Q(account__isnull=False), name="inbound_by_account"),
            models.Index(fields=["account", "position", "id"], condition=Q(account__isnull=False), name="inbound_feed"),
            models.Index(fields=["sender", "account", "id"], name="inbound_by_sender"),
            models.Index(fields=["id"], condition=Q(account=None), name="inbound_of_nobody"),
            models.Index(fields=["account", "id"], condition=Q(body_discarded_at=None), name="inbound_with_text"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class InboundPart(models.Model):
    """A part of a text. Once the text is whole it has that, and stays for some days, so that it is known again."""

    provider = models.CharField(max_length=32)
    sender = models.CharField(max_length=LONGEST_PARTY)
    recipient = models.CharField(max_length=LONGEST_PARTY)
    reference = models.CharField(max_length=64)  # the same for all parts
    number = models.SmallIntegerField()  # from 1
    total = models.SmallIntegerField()
    provider_reference = models.CharField(max_length=255)
    text = models.TextField()
    sent_at = models.DateTimeField(null=True)
    is_joined = models.BooleanField(db_default=False)  # since then `text` is empty
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        # A handset uses a reference again after 256 texts, so that tells nothing once a text is whole.
        constraints = [
            models.UniqueConstraint("provider", "provider_reference", "number", name="inbound_part_once"),
        ]
        indexes = [
            models.Index(
                fields=["provider", "sender", "recipient", "reference", "total"],
                condition=Q(is_joined=False),
                name="inbound_part_open",
            ),
            models.Index(fields=["received_at"], name="inbound_part_age"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.reference} {self.number}/{self.total}"


class OptOut(models.Model):
    """A number that wants no more texts from an account.

    Whoever adds one holds the account's lock: see `sms.services.opt_outs`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False)
    recipient = models.CharField(max_length=16)  # E.164
    sender_id = models.CharField(max_length=16, default="", blank=True)  # of this one only; empty: of all
    is_test = models.BooleanField(db_default=False)  # keeps back test messages, and no others
    reason = models.CharField(max_length=255)  # the word that was said, or who entered it
    inbound = models.ForeignKey(InboundMessage, on_delete=models.SET_NULL, null=True, db_index=False)
    # The one message that may go out all the same: it tells the person that it worked.
    reply_id = models.UUIDField(null=True)
    reply_sender_id = models.CharField(max_length=16, null=True)  # while it is to be sent
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "recipient", "sender_id", "is_test", name="opt_out_once"),
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="opt_out_by_account"),
            models.Index(fields=["recipient", "account", "id"], name="opt_out_by_recipient"),
            models.Index(fields=["created_at"], condition=Q(reply_sender_id__isnull=False), name="opt_out_to_confirm"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.id}"
