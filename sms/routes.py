"""Reads of routes: what is set, how each is doing, and what was changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from sms.credentials import CannotDecrypt, Safe
from sms.database import query, rows
from sms.models import Route, RouteBreaker, RouteChange
from sms.providers.base import Option, Provider
from sms.providers.kinds import KINDS, kind
from sms.providers.tokens import WEBHOOK_TOKEN

NEWEST = 10  # changes that are shown
TOKEN = WEBHOOK_TOKEN.name  # the option whose value ends the addresses that a provider calls

WAITING = """
SELECT count(*) FILTER (WHERE due_at <= now()), count(*) FILTER (WHERE due_at > now())
FROM sms_dispatchentry WHERE purpose = 1 AND lease IS NULL AND route_id = %s
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a route is doing."""

    due: int  # messages that wait for a worker
    later: int  # and those whose time has not come
    breakers: Sequence[RouteBreaker]
    changes: Sequence[RouteChange]  # the newest first


def kinds() -> Mapping[str, type[Provider]]:
    """Return the kinds of provider that there are, by name."""
    found = {}
    for name in KINDS:
        try:
            found[name] = kind(name)
        except ImportError:  # it comes with a later release
            continue
    return found


def listing() -> list[Route]:
    """Return all routes by their names."""
    return query(list, Route.objects.order_by("name"))


def get(name: str) -> Route | None:
    """Return the route of that name."""
    return query(Route.objects.filter(name=name).first)


def standing(route: Route) -> Standing:
    """Return how a route is doing now."""
    return query(_standing, route)


def _standing(route: Route) -> Standing:
    ((due, later),) = rows(WAITING, route.id)
    changes = RouteChange.objects.filter(route=route).order_by("-id")[:NEWEST]
    return Standing(due, later, list(RouteBreaker.objects.filter(route=route).order_by("country")), list(changes))


def options_of(route: Route) -> Sequence[Option]:
    """Return what a route can be told. Raises KeyError for a kind that there is none of."""
    return kinds()[route.kind].OPTIONS


def secret_names(route: Route) -> list[str] | None:
    """Return the names of the secrets that a route has; None where they cannot be read."""
    try:
        return sorted(Safe(settings.SMS_CREDENTIALS_KEYS).decrypt(bytes(route.credentials)))
    except CannotDecrypt:
        return None


def addresses(name: str, *, token: str | None = None, needs_token: bool = False) -> Mapping[str, str]:
    """Return where a route's provider is to call us, for receipts and for inbound texts.

    Without the token that ends them, unless it is given. Empty where the operator has not said PUBLIC_URL.
    """
    if not settings.SMS_PUBLIC_URL:
        return {}
    tail = f"{token or '…'}/" if needs_token else ""
    base = f"{settings.SMS_PUBLIC_URL}/api/webhooks/{name}"
    return {"status": f"{base}/status/{tail}", "inbound": f"{base}/inbound/{tail}"}
