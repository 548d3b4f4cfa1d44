"""Tenants: what they may do, and what they have used."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7


class Account(models.Model):
    """A tenant: everything belongs to exactly one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    blocked_keywords = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)  # messages a second
    daily_quota = models.PositiveIntegerField(null=True, blank=True)  # messages a day, by UTC
    # Texts that end, or begin anew, what the account may send to a number, beside the usual words.
    opt_out_keywords = ArrayField(models.CharField(max_length=32), default=list, db_default=[], blank=True)
    opt_in_keywords = ArrayField(models.CharField(max_length=32), default=list, db_default=[], blank=True)
    opt_out_reply = models.CharField(
        max_length=480, default="", db_default="", blank=True
    )  # sent to who said STOP; empty: nothing
    budget = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)  # to be spent in a month, UTC
    budget_currency = models.CharField(max_length=3, default="", db_default="", blank=True)  # ISO 4217
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
