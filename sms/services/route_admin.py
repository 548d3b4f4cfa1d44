"""Add and change routes: for operators. Every change is written down, with who made it and why.

Processes know the routes for a second (`sms.routing.snapshot`), so a change is felt everywhere within that.
"""

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

from django.conf import settings
from django.db import IntegrityError

from sms import routes
from sms.credentials import CannotDecrypt, Safe
from sms.database import transact
from sms.models import Route, RouteChange
from sms.routes import TOKEN
from sms.services import breakers
from sms.services.accounts import NotChanged
from sms.services.route_rules import Rules, check_kind, check_name, check_options, check_rules, check_together

LONGEST_BY, LONGEST_WHAT = 100, 255


class Changed(NamedTuple):
    """A route, and the token that ends its addresses where a new one was made: shown this once."""

    route: Route
    token: str | None = None


class Author(NamedTuple):
    """Who changes something, and why."""

    by: str
    reason: str = ""


def add(name: str, kind: str, *, author: Author, options: Mapping[str, str], **given: Unpack[Rules]) -> Changed:
    """Store a new route. Options are all that its kind has to be told, secrets too. Raises NotChanged, Unavailable."""
    fields = check_rules(given)
    check_together(fields)
    token = None
    if needs_token(check_kind(kind)) and not options.get(TOKEN):
        token = _new_token()
        options = {**options, TOKEN: token}
    public, secret = check_options(check_name(name), kind, options)
    fields |= {"kind": kind, "options": public, "credentials": _safe().encrypt(secret)}
    try:
        return Changed(transact(_add, name, fields, author), token)
    except IntegrityError:
        raise NotChanged(f"There is a route '{name}' already.") from None


def _add(name: str, fields: dict[str, Any], author: Author) -> Route:
    route = Route.objects.create(name=name, **fields)
    _note(route, author, f"added, of the kind {route.kind}")
    return route


def change(
    name: str, *, author: Author, options: Mapping[str, str | None] | None = None, **given: Unpack[Rules]
) -> Route:
    """Set what is given; an option that is None is taken away. Raises NotChanged, Unavailable."""
    fields = check_rules(given)
    if not (fields or options):
        raise NotChanged("There is nothing to set.")
    return transact(_change, name, fields, options or {}, author)


def _change(name: str, fields: dict[str, Any], options: Mapping[str, str | None], author: Author) -> Route:
    route = _locked(name)
    before = {field: getattr(route, field) for field in fields}
    for field, value in fields.items():
        setattr(route, field, value)
    check_together(vars(route))
    what = [f"{field} {_shown(before[field])} → {_shown(value)}" for field, value in fields.items()]
    if options:
        _set_options(route, options)
        what.append(f"options {', '.join(sorted(options))}")
        breakers.close_all(route.id, by=author.by, reason="its options were changed")
    route.save()
    _note(route, author, "; ".join(what))
    return route


def _set_options(route: Route, options: Mapping[str, str | None]) -> None:
    """Keep what is not given. Nobody has to say a secret again to change an address."""
    all_of_them = {**route.options, **_decrypted(route), **options}
    kept = {option: value for option, value in all_of_them.items() if value is not None}
    route.options, secret = check_options(route.name, route.kind, kept)
    route.credentials = _safe().encrypt(secret)


def pause(name: str, *, author: Author) -> Route:
    """Hand nothing over any more; receipts are taken all the same. Raises NotChanged, Unavailable."""
    return transact(_pause, name, author)


def _pause(name: str, author: Author) -> Route:
    route = _locked(name)
    if route.is_paused:
        raise NotChanged(f"The route '{name}' is paused already.")
    route.is_paused = True
    route.save(update_fields=["is_paused"])
    _note(route, author, "paused")
    return route


def resume(name: str, *, author: Author) -> Route:
    """Use a route as if nothing had happened: not paused, healthy, no breaker. Raises NotChanged, Unavailable."""
    return transact(_resume, name, author)


def _resume(name: str, author: Author) -> Route:
    route = _locked(name)
    route.is_paused, route.health = False, 100
    route.save(update_fields=["is_paused", "health"])
    breakers.close_all(route.id, by=author.by, reason="the route was resumed")
    _note(route, author, "resumed")
    return route


def renew_token(name: str, *, author: Author) -> Changed:
    """Make a new token for a route's addresses; the last one stays good. Raises NotChanged, Unavailable."""
    return transact(_renew_token, name, author)


def _renew_token(name: str, author: Author) -> Changed:
    route = _locked(name)
    if not needs_token(route.kind):
        raise NotChanged(f"A {route.kind} signs what it sends: there is no token in the addresses of '{name}'.")
    token, before = _new_token(), _decrypted(route).get(TOKEN, "").partition(",")[0]
    _set_options(route, {TOKEN: f"{token},{before}" if before else token})
    route.save(update_fields=["options", "credentials"])
    _note(route, author, "new webhook token")
    return Changed(route, token)


def rotate(*, author: Author) -> int:
    """Encrypt all credentials anew with the first of CREDENTIALS_KEYS; return how many. Raises NotChanged, Unavailable.

    After it, the other keys are not needed any more.
    """
    return transact(_rotate, author)


def _rotate(author: Author) -> int:
    count = 0
    for route in Route.objects.select_for_update().exclude(credentials=b"").order_by("id"):
        route.credentials = _safe().encrypt(_decrypted(route))
        route.save(update_fields=["credentials"])
        _note(route, author, "credentials encrypted anew")
        count += 1
    return count


def needs_token(kind: str) -> bool:
    """Whether the addresses of such routes end with a token: their providers sign nothing."""
    made = routes.kinds().get(kind)
    return made is not None and any(one.name == TOKEN for one in made.OPTIONS)


def _locked(name: str) -> Route:
    route = Route.objects.select_for_update().filter(name=name).first()
    if route is None:
        raise NotChanged(f"There is no route '{name}'.")
    return route


def _decrypted(route: Route) -> dict[str, str]:
    try:
        return _safe().decrypt(bytes(route.credentials))
    except CannotDecrypt as error:
        raise NotChanged(f"'{route.name}': {error}") from None


def _note(route: Route, author: Author, what: str) -> None:
    RouteChange.objects.create(
        route=route, by=author.by[:LONGEST_BY], what=what[:LONGEST_WHAT], reason=author.reason[:LONGEST_WHAT]
    )


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "any"
    return "none" if value in (None, "") else str(value)


def _safe() -> Safe:
    return Safe(settings.SMS_CREDENTIALS_KEYS)


def _new_token() -> str:
    return secrets.token_urlsafe(32)
