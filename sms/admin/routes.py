"""Routes. What is changed here goes through the services, as from the command line; a secret goes in, and never out."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from sms import routes
from sms.admin.readonly import Lines
from sms.models import Priority, Route, RouteChange
from sms.services import route_admin
from sms.services.accounts import NotChanged
from sms.services.route_admin import Author
from sms.services.route_rules import check_name, check_rules, check_together

RULES = (
    *("sender_ids", "countries", "prefixes", "priorities", "weight", "price", "currency", "throughput"),
    *("opens_at", "closes_at", "time_zone"),
)
KNOWN = (
    "state",
    "secret_names",
    "health",
    "broken",
    "usual_delivery",
    "queue",
    "receipts_to",
    "inbound_to",
    "created_at",
)


class WriteOnly(forms.Textarea):
    """Takes text, and never shows any: not even what was just written, when the form is shown again."""

    def format_value(self, value: Any) -> str:
        """Return nothing."""
        return ""


class RouteForm(forms.ModelForm):  # type: ignore[type-arg]
    """A route, checked by the rules of the domain."""

    kind = forms.ChoiceField(choices=lambda: [(name, kind.FACTS.title) for name, kind in routes.kinds().items()])
    said = forms.CharField(
        label="options",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What its kind has to be told, one NAME=VALUE a line: see `manage.py routes kinds`.",
    )
    secrets = forms.CharField(
        required=False,
        widget=WriteOnly(attrs={"rows": 3, "autocomplete": "off"}),
        help_text="Its secret options, one NAME=VALUE a line. They are never shown; what is left out stays as it is.",
    )
    priorities = forms.TypedMultipleChoiceField(
        choices=Priority.choices, coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    reason = forms.CharField(required=False, max_length=255, help_text="Why it is changed: kept with the change.")

    class Meta:
        model = Route
        fields = ("name", "kind", *RULES)
        help_texts: ClassVar[dict[str, str]] = {
            "sender_ids": "Only from these, separated by commas. Empty: from any.",
            "countries": "Only to these, such as GH, separated by commas.",
            "prefixes": "Only to numbers that begin so, such as 23324, separated by commas.",
            "weight": "Its share beside others; 0: only when no other is left.",
            "price": "Of one segment.",
            "throughput": "Messages a second, of all workers together. Empty: no limit.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["said"] = "\n".join(f"{name}={value}" for name, value in sorted(self.instance.options.items()))

    def clean(self) -> dict[str, Any]:
        """Return what was given. Raises ValidationError."""
        given: dict[str, Any] = super().clean() or {}
        if self.errors:
            return given
        try:
            if "name" in given:
                check_name(given["name"])
            given |= check_rules({name: given[name] for name in RULES})
            check_together(given)
            given["options"] = _pairs(given["said"]) | _pairs(given["secrets"])
        except NotChanged as error:
            raise ValidationError(str(error)) from None
        return given


def _pairs(text: str) -> dict[str, str]:
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals:
            raise NotChanged("Write one NAME=VALUE a line.")
        found[name.strip()] = value.strip()
    return found


class ChangeLines(Lines):
    """What was changed, the newest first."""

    model = RouteChange
    ordering = ("-id",)
    fields = readonly_fields = ("at", "by", "what", "reason")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RouteChange]:
        """Return the newest: a route that has been ill has many."""
        newest = RouteChange.objects.order_by("-id")[:200].values("id")
        return super().get_queryset(request).filter(id__in=newest)


class RouteAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Routes are few, and never deleted: messages name them."""

    form = RouteForm
    list_display = ("name", "kind", "state", "weight", "health", "broken")
    ordering = ("name",)
    actions = ("pause", "resume")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what a new route has: it takes everything."""
        return {"sender_ids": [], "countries": [], "prefixes": [], "priorities": []}

    def get_fields(self, request: HttpRequest, obj: Route | None = None) -> tuple[str, ...]:
        """Return what can be set, and what is known of a route."""
        given: tuple[str, ...] = ("name", "kind", "said", "secrets", *RULES, "reason")
        if obj is not None and not self.has_change_permission(request, obj):
            given = ("name", "kind", "options", *RULES)
        return given if obj is None else (*given, *KNOWN)

    def get_readonly_fields(self, request: HttpRequest, obj: Route | None = None) -> tuple[str, ...]:
        """Keep the name, by which messages know the route, and the kind, whose the credentials are."""
        return () if obj is None else ("name", "kind", *KNOWN)

    def get_inlines(self, request: HttpRequest, obj: Route | None) -> list[Any]:
        """Return what belongs to a route that is there."""
        return [] if obj is None else [ChangeLines]

    def has_delete_permission(self, request: HttpRequest, obj: Route | None = None) -> bool:
        """Return no."""
        return False

    @admin.display(description="state")
    def state(self, route: Route) -> str:
        """Return whether it is used."""
        return "paused" if route.is_paused else "in use"

    @admin.display(description="broken for")
    def broken(self, route: Route) -> str:
        """Return the countries for which it does not work, and why."""
        return ", ".join(f"{one.country} ({one.reason})" for one in routes.standing(route).breakers) or "-"

    @admin.display(description="secrets")
    def secret_names(self, route: Route) -> str:
        """Return the names of its secrets."""
        names = routes.secret_names(route)
        return "cannot be read: see CREDENTIALS_KEYS" if names is None else ", ".join(names) or "-"

    @admin.display(description="queue")
    def queue(self, route: Route) -> str:
        """Return how many messages wait."""
        standing = routes.standing(route)
        return f"{standing.due} due, {standing.later} later"

    @admin.display(description="receipts to")
    def receipts_to(self, route: Route) -> str:
        """Return where its provider calls us."""
        return _address(route, "status")

    @admin.display(description="inbound texts to")
    def inbound_to(self, route: Route) -> str:
        """Return where its provider calls us with texts."""
        return _address(route, "inbound")

    def save_model(self, request: HttpRequest, obj: Route, form: Any, change: bool) -> None:
        """Store what was given. What only the provider's own adapter can find wrong is told as a message."""
        given = form.cleaned_data
        author = Author(str(request.user), given["reason"])
        rules = {name: given[name] for name in RULES}
        if change:
            options = {**dict.fromkeys(obj.options), **given["options"]}
            route_admin.change(obj.name, author=author, options=options, **rules)
            return
        added = route_admin.add(given["name"], given["kind"], author=author, options=given["options"], **rules)
        obj.pk, obj._state.adding, obj.token = added.route.pk, False, added.token  # type: ignore[attr-defined]  # noqa: SLF001

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Serve the form; what cannot be stored is said above it."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except NotChanged as error:
            messages.error(request, str(error))
            request.method = "GET"
            return super().changeform_view(request, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Route, post_url_continue: str | None = None) -> HttpResponse:
        """Show the addresses with their token, where one was made, in this answer and nowhere else."""
        token: str | None = obj.token  # type: ignore[attr-defined]
        if token is None:
            return super().response_add(request, obj, post_url_continue)
        addresses = routes.addresses(obj.name, token=token, needs_token=True)
        context = {**self.admin_site.each_context(request), "title": "The new route", "opts": self.opts}
        context |= {"route": obj, "token": token, "addresses": addresses.values()}
        return TemplateResponse(request, "admin/sms/route/created.html", context)

    @admin.action(description="Pause the chosen routes: nothing is handed over any more", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Route]) -> None:
        """Hand nothing over by them."""
        for route in queryset.filter(is_paused=False):
            route_admin.pause(route.name, author=Author(str(request.user), "in the admin"))
            self.log_change(request, route, "Paused.")

    @admin.action(description="Resume the chosen routes, as if nothing had happened", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Route]) -> None:
        """Use them again."""
        for route in queryset:
            route_admin.resume(route.name, author=Author(str(request.user), "in the admin"))
            self.log_change(request, route, "Resumed.")


def _address(route: Route, what: str) -> str:
    needs = route_admin.needs_token(route.kind)
    return routes.addresses(route.name, needs_token=needs).get(what, "say PUBLIC_URL, to be told")
