"""Accounts and their keys. What is changed here goes through the services, as from the command line."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from sms import scopes
from sms.admin.readonly import Lines
from sms.models import Account, ApiKey, SenderId
from sms.services import accounts, keys
from sms.services.accounts import Changes, NotChanged

SETTINGS = ("blocked_keywords", "rate_limit", "daily_quota", "budget", "budget_currency", "discard_body_after")


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """An account, checked by the rules of the domain."""

    class Meta:
        model = Account
        fields = ("name", *SETTINGS)
        help_texts: ClassVar[dict[str, str]] = {
            "blocked_keywords": "Whole words or phrases that no text may contain, separated by commas.",
            "rate_limit": "Messages a second. Empty: no limit.",
            "daily_quota": "Messages a day, by UTC. Empty: no limit.",
            "budget": "To be spent in a calendar month, by UTC. Empty: no limit.",
            "budget_currency": "Of the budget, with three letters, such as EUR.",
            "discard_body_after": "Hours after a message is final in which its text is forgotten. Empty: never.",
        }

    def clean(self) -> dict[str, Any]:
        """Return what was given. Raises ValidationError."""
        given: dict[str, Any] = super().clean() or {}
        try:
            if "name" in given:
                accounts.check_name(given["name"])
            accounts.check(cast("Changes", {name: given[name] for name in SETTINGS if name in given}))
            accounts.check_budget(given.get("budget"), given.get("budget_currency", ""))
        except NotChanged as error:
            raise ValidationError(str(error)) from None
        return given


class SenderIdForm(forms.ModelForm):  # type: ignore[type-arg]
    """A sender ID."""

    def clean_value(self) -> str:
        """Return one that has the form of a sender ID. Raises ValidationError."""
        try:
            return accounts.check_sender_id(self.cleaned_data["value"])
        except NotChanged as error:
            raise ValidationError(str(error)) from None


class SenderIdLines(admin.TabularInline):  # type: ignore[type-arg]
    """What an account may send as."""

    model = SenderId
    form = SenderIdForm
    extra = 1


class ApiKeyLines(Lines):
    """An account's keys; each has a page of its own."""

    model = ApiKey
    ordering = ("-id",)
    show_change_link = True
    fields = readonly_fields = ("prefix", "name", "is_test", "scopes", "expires_at", "revoked_at", "last_used_at")


class AccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Accounts are few, and never deleted: their messages stay."""

    form = AccountForm
    list_display = ("name", "rate_limit", "daily_quota", "created_at")
    search_fields = ("name",)
    ordering = ("name",)
    inlines = (SenderIdLines, ApiKeyLines)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what a new account has as from the command line."""
        return {"blocked_keywords": list(accounts.BLOCKED_AT_FIRST)}

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> tuple[str, ...]:
        """Keep the name, by which settings and scripts know the account."""
        return () if obj is None else ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """Return no."""
        return False

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        """Store what was given."""
        given = {name: getattr(obj, name) for name in SETTINGS}
        stored = accounts.change(obj.name, **given) if change else accounts.create(obj.name, **given)
        obj.pk, obj._state.adding = stored.pk, False  # noqa: SLF001  what the sender IDs are then saved with


def properties_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `keys.create` takes, of what a form has."""
    return {
        "label": given["name"],
        "is_test": given["is_test"],
        "granted": given["scopes"],
        "expires_at": given["expires_at"],
        "allowed_networks": given["allowed_networks"],
    }


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new key."""

    name = forms.CharField(initial=keys.LABEL, max_length=keys.LONGEST_LABEL, help_text="What it is for.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in scopes.ALL],
        initial=scopes.USUAL,
        widget=forms.CheckboxSelectMultiple,
        help_text="'admin' may do everything.",
    )
    allowed_networks = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Addresses and networks where it may be used, one a line. Empty: anywhere.",
    )

    class Meta:
        model = ApiKey
        fields = ("account", "name", "is_test", "scopes", "expires_at", "allowed_networks")
        help_texts: ClassVar[dict[str, str]] = {
            "is_test": "What it sends reaches the simulator only.",
            "expires_at": "By UTC. Empty: never.",
        }

    def clean(self) -> dict[str, Any]:
        """Return what was given. Raises ValidationError."""
        given: dict[str, Any] = super().clean() or {}
        given["allowed_networks"] = given["allowed_networks"].split()
        if not self.errors:
            try:
                keys.check(**properties_of(given))
            except NotChanged as error:
                raise ValidationError(str(error)) from None
        return given


class ApiKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Keys are made and revoked, and otherwise stay as they are."""

    form = ApiKeyForm
    list_display = ("__str__", "account", "name", "is_test", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("is_test",)
    show_facets = admin.ShowFacets.NEVER
    list_select_related = ("account",)
    search_fields = ("prefix__startswith", "name", "account__name")
    ordering = ("-id",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """Return what can be given, or all that is known of a key."""
        given = ("account", "name", "is_test", "scopes", "expires_at", "allowed_networks")
        return given if obj is None else ("prefix", *given, "created_at", "revoked_at", "last_used_at", "id")

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Return no."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Return no: what a key did can be told of as long as the key is there."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make the key."""
        made = keys.create(obj.account.name, **properties_of(form.cleaned_data))
        obj.pk, obj.prefix, obj.secret = made.key.pk, made.key.prefix, made.secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the secret, in this answer and nowhere else: what is kept for the next page is kept in a table."""
        context = {**self.admin_site.each_context(request), "title": "The new API key", "opts": self.opts, "key": obj}
        return TemplateResponse(request, "admin/sms/apikey/created.html", context)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may revoke keys: whoever may change them, if anybody could."""
        return bool(request.user.has_perm("sms.change_apikey"))

    @admin.action(description="Revoke the chosen API keys, for ever", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Make keys useless, everywhere within 5 seconds."""
        for key in queryset:
            keys.revoke(str(key.id))
            self.log_change(request, key, "Revoked.")
        messages.success(request, f"{len(queryset)} revoked; within five seconds they open nothing any more.")
