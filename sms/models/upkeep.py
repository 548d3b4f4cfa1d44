"""What the service keeps to look after itself."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


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
