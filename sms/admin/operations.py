"""Receipts and reconciliations, to look at. What can be done about them is done by `manage.py receipts`."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from sms.admin.readonly import Listing
from sms.models import Receipt, Reconciliation
from sms.phone_numbers import mask_all
from sms.receipts import CONDITIONS, IN_THE_INBOX, State

LEAD_TO: Final = (*IN_THE_INBOX, State.SET_ASIDE, State.UNMATCHED)  # states that an index leads to


class InState(admin.SimpleListFilter):
    """What may need somebody."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the states."""
        return [(state.value, state.value) for state in LEAD_TO]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Receipt]) -> QuerySet[Receipt]:
        """Return what is in the chosen one."""
        chosen = [state for state in LEAD_TO if state == self.value()]
        return queryset.filter(CONDITIONS[chosen[0]]) if chosen else queryset


class ReceiptAdmin(Listing):
    """Delivery receipts as providers sent them."""

    list_display = (
        *("id", "received_at", "provider", "provider_reference", "provider_status", "status", "outcome", "tries"),
        "error",
    )
    list_filter = (InState,)
    lookups: ClassVar[frozenset[str]] = frozenset({InState.parameter_name})
    fields = readonly_fields = (
        *("id", "received_at", "provider", "provider_reference", "client_reference", "provider_status", "status"),
        *("error_code", "provider_error", "due_at", "tries", "processed_at", "outcome", "about", "error", "request"),
    )

    @admin.display(description="message")
    def about(self, receipt: Receipt) -> str | None:
        """Return the id of the message that it was matched to."""
        return None if receipt.message_id is None else str(receipt.message_id)

    @admin.display(description="body")
    def request(self, receipt: Receipt) -> str:
        """Return the request as it came, with phone numbers masked."""
        body = bytes(receipt.body).decode(errors="backslashreplace")
        return mask_all(body, default_region=settings.SMS_DEFAULT_REGION)


class ReconciliationAdmin(Listing):
    """Whether every accepted message is accounted for."""

    list_display = ("at", "scope", "accepted", "open", "final", "rules_broken")
    fields = readonly_fields = ("at", "scope", "accepted", "open", "final", "drift")

    @admin.display(description="rules broken")
    def rules_broken(self, reconciliation: Reconciliation) -> int:
        """Return how many: 0 is right."""
        return len(reconciliation.drift)
