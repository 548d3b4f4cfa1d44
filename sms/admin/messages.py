"""Messages, to look at: what became of each, but neither its text nor, in full, to whom it went."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from sms.admin.readonly import Lines, Listing
from sms.errors import InvalidMessage
from sms.models import Message, MessageEvent, Route, SubmitAttempt
from sms.phone_numbers import mask, normalise
from sms.routing.records import SIMULATOR

AGES: Final = {
    "an hour": timedelta(hours=1),
    "a day": timedelta(days=1),
    "a week": timedelta(days=7),
    "a month": timedelta(days=30),
}


class AcceptedBefore(admin.SimpleListFilter):
    """Goes back in time: ids sort by it, so it costs nothing."""

    title = "accepted"
    parameter_name = "before"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return how far one can go back."""
        return [(age, f"more than {age} ago") for age in AGES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Return what is old enough."""
        age = AGES.get(self.value() or "")
        return queryset if age is None else queryset.filter(id__lt=_first_id_at(datetime.now(UTC) - age))


def _first_id_at(moment: datetime) -> UUID:
    """Return what a UUIDv7 of that moment begins with (RFC 9562, section 5.7), and zeros."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


class EventLines(Lines):
    """A message's history."""

    model = MessageEvent
    fields = readonly_fields = (
        *("sequence", "status", "occurred_at", "late", "conflict", "provider_status", "error_code"),
        *("provider_error", "detail"),
    )


class AttemptLines(Lines):
    """A message's attempts."""

    model = SubmitAttempt
    fields = readonly_fields = (
        *("number", "provider", "started_at", "finished_at", "outcome", "provider_reference", "error_code"),
        *("provider_error", "detail"),
    )


class MessageAdmin(Listing):
    """The newest first; by account, and found by what one may have in hand."""

    list_display = ("created_at", "account", "sender_id", "to", "status", "error_code", "is_test", "id")
    list_select_related = ("account",)
    list_filter = (AcceptedBefore, "account")
    lookups: ClassVar[frozenset[str]] = frozenset({"account__id__exact", AcceptedBefore.parameter_name})
    search_fields = ("id",)  # shows the box; what is done with it stands below
    search_help_text = "A message's id, its recipient's number, or a provider's reference, each in full."
    inlines = (EventLines, AttemptLines)
    fields = readonly_fields = (
        *("id", "account", "sender_id", "to", "encoding", "segment_count", "status", "sequence", "error_code"),
        *("provider", "provider_reference", "client_reference", "delivery_policy", "priority", "is_test", "send_at"),
        *("created_at", "updated_at", "body_discarded_at"),
    )

    @admin.display(description="to")
    def to(self, message: Message) -> str:
        """Return the masked number."""
        return mask(message.recipient)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        """Return what is found by an index, and that nothing is found twice."""
        term = search_term.strip()
        return (queryset.filter(_meant_by(term)) if term else queryset), False


def _meant_by(term: str) -> Q:
    try:
        return Q(id=UUID(term))
    except ValueError:
        pass
    try:
        return Q(recipient=normalise(term, default_region=settings.SMS_DEFAULT_REGION))
    except InvalidMessage:
        names = [SIMULATOR.name, *Route.objects.values_list("name", flat=True)]
        attempts = SubmitAttempt.objects.filter(provider__in=names, provider_reference=term)
        return Q(id__in=list(attempts.values_list("message_id", flat=True)[:100]))
