"""Ways to providers: what the operator wants of each, how each is doing, and what was spent on it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sms.models.accounts import Account

LONGEST_NAME = 32


class Route(models.Model):
    """A connection to a provider, and which messages may go by it. Never deleted: messages name it.

    Its name stands wherever a message, an attempt or a receipt has a `provider`. An empty list allows everything.
    """

    id = models.SmallAutoField(primary_key=True)
    name = models.CharField(max_length=LONGEST_NAME, unique=True)
    kind = models.CharField(max_length=32)  # of `sms.providers.kinds`
    options = models.JSONField(default=dict, blank=True)  # that are no secrets
    credentials = models.BinaryField(default=b"")  # the secret ones, encrypted by `sms.credentials`
    is_paused = models.BooleanField(default=False)  # by a person: nothing is handed over, receipts are taken
    sender_ids = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    countries = ArrayField(models.CharField(max_length=2), default=list, blank=True)  # ISO 3166, as in GH
    prefixes = ArrayField(models.CharField(max_length=15), default=list, blank=True)  # of E.164, without the plus
    priorities = ArrayField(models.SmallIntegerField(), default=list, blank=True)
    weight = models.PositiveSmallIntegerField(default=100)  # its share beside others; 0: only when no other is left
    health = models.PositiveSmallIntegerField(default=100)  # per cent of the weight that it gets at present
    health_at = models.DateTimeField(db_default=Now())  # when it was looked at last
    usual_delivery = models.FloatField(null=True, blank=True)  # seconds in which half of its messages are delivered
    price = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)  # of one segment
    currency = models.CharField(max_length=3, default="", blank=True)  # ISO 4217
    throughput = models.PositiveIntegerField(null=True, blank=True)  # messages a second, of all workers together
    opens_at = models.TimeField(null=True, blank=True)  # hours in which it may be used, in its time zone
    closes_at = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=40, default="UTC")  # IANA
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class RouteChange(models.Model):
    """One change of a route, whoever made it, with its reason."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField(db_default=Now())
    by = models.CharField(max_length=100)  # a person's name, or "health" for the service itself
    what = models.CharField(max_length=255)
    reason = models.CharField(max_length=255)

    def __str__(self) -> str:
        return f"{self.at} {self.what}: {self.reason}"


class RouteBreaker(models.Model):
    """A route that does not work for a country at present: nothing goes there but a probe now and then."""

    pk = models.CompositePrimaryKey("route", "country")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, db_index=False)
    country = models.CharField(max_length=3)  # ISO 3166, or 001 for the world
    opened_at = models.DateTimeField(db_default=Now())
    probe_at = models.DateTimeField()  # when the next message may try
    tries = models.SmallIntegerField(default=0)  # probes that failed
    reason = models.CharField(max_length=255)

    def __str__(self) -> str:
        return f"{self.route_id} {self.country}: {self.reason}"


class Spend(models.Model):
    """What an account's messages of a day, by UTC, cost on a route: the sum over the slots, as with `Usage`.

    Those of days that are over are added up in the slot -1; corrections come to the others all the same.
    """

    pk = models.CompositePrimaryKey("account", "day", "route", "currency", "slot")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False)
    day = models.DateField()  # on which they were accepted
    route = models.CharField(max_length=LONGEST_NAME)
    currency = models.CharField(max_length=3)
    slot = models.SmallIntegerField()
    messages = models.BigIntegerField()
    segments = models.BigIntegerField()
    amount = models.DecimalField(max_digits=18, decimal_places=6)

    class Meta:
        indexes = [models.Index(fields=["day"], condition=models.Q(slot__gte=0), name="spend_to_add_up")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day} {self.route}: {self.amount} {self.currency}"
