"""Texts from handsets and opt-outs, to look at: neither what was said nor, in full, by whom."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from sms.admin.readonly import Listing
from sms.models import InboundMessage, OptOut
from sms.phone_numbers import find, mask


class Conversation(admin.SimpleListFilter):
    """What nobody gets to see but an operator."""

    title = "conversation"
    parameter_name = "conversation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the one choice beside all of them."""
        return [("none", "without a conversation")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[InboundMessage]) -> QuerySet[InboundMessage]:
        """Return those that belong to no account."""
        return queryset.filter(account=None) if self.value() == "none" else queryset


class InboundMessageAdmin(Listing):
    """The newest first; found by a number, or an id."""

    list_display = ("received_at", "account", "sender_shown", "recipient", "provider", "keyword", "is_complete", "id")
    list_select_related = ("account",)
    list_filter = (Conversation,)
    lookups: ClassVar[frozenset[str]] = frozenset({Conversation.parameter_name})
    search_fields = ("id",)  # shows the box; what is done with it stands below
    search_help_text = "A text's id, or its sender's number, in full."
    fields = readonly_fields = (
        *("id", "account", "provider", "provider_reference", "sender_shown", "recipient", "is_complete", "keyword"),
        *("answered", "is_test", "sent_at", "received_at", "body_discarded_at"),
    )

    @admin.display(description="from")
    def sender_shown(self, text: InboundMessage) -> str:
        """Return the masked number."""
        return mask(text.sender)

    @admin.display(description="answers")
    def answered(self, text: InboundMessage) -> str | None:
        """Return the id of the message that it answers."""
        return None if text.answers_id is None else str(text.answers_id)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[InboundMessage], search_term: str
    ) -> tuple[QuerySet[InboundMessage], bool]:
        """Return what is found by an index, and that nothing is found twice."""
        term = search_term.strip()
        return (queryset.filter(_meant_by(term, "sender")) if term else queryset), False


class OptOutAdmin(Listing):
    """The newest first; found by a number, or an id."""

    list_display = ("created_at", "account", "recipient_shown", "sender_id", "is_test", "reason", "id")
    list_select_related = ("account",)
    search_fields = ("id",)
    search_help_text = "An opt-out's id, or its number, in full."
    fields = readonly_fields = (
        *("id", "account", "recipient_shown", "sender_id", "is_test", "reason", "inbound", "reply_id", "created_at"),
    )

    @admin.display(description="number")
    def recipient_shown(self, opt_out: OptOut) -> str:
        """Return the masked number."""
        return mask(opt_out.recipient)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OptOut], search_term: str
    ) -> tuple[QuerySet[OptOut], bool]:
        """Return what has the number, or the id, and that nothing is found twice."""
        term = search_term.strip()
        return (queryset.filter(_meant_by(term, "recipient")) if term else queryset), False


def _meant_by(term: str, number: str) -> Q:
    try:
        return Q(id=UUID(term))
    except ValueError:
        return Q(**{number: find(term, default_region=settings.SMS_DEFAULT_REGION) or term})
