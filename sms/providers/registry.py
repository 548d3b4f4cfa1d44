"""The provider behind each route, made once for as long as the route stays as it is."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, Final
from urllib.parse import quote, quote_plus

from django.conf import settings
from django.utils.module_loading import import_string

from sms.credentials import Safe
from sms.providers.base import Provider, Setup
from sms.providers.kinds import kind
from sms.providers.signatures import secrets_of
from sms.providers.tokens import WEBHOOK_TOKEN
from sms.redaction import learn, words_of
from sms.routing import snapshot
from sms.routing.records import RouteRecord

SIMULATOR: Final = "simulator"


def get_provider(name: str = SIMULATOR) -> Provider:
    """Return the provider of the route of that name. Raises KeyError when there is none.

    Asks nobody: the routes are those that were known last.
    """
    return provider_of(snapshot.last().by_name(name))


def provider_of(route: RouteRecord) -> Provider:
    """Return the provider of a route. Raises ValueError with a sentence when the route cannot be used as it is."""
    if route.id == 0:
        return _built_in(route.name)
    try:
        return _made(route.name, route.kind, tuple(sorted(route.options.items())), route.credentials)
    except ValueError:
        raise
    except Exception as error:  # a kind of another release, options that are no texts, a bug in an adapter
        raise ValueError(f"A {route.kind} cannot be made: {words_of(error)}.") from error


def is_polled(route: RouteRecord) -> bool:
    """Whether a route's provider has to be asked for receipts; one that cannot be used as it is cannot be asked."""
    if route.id == 0:
        return False
    try:
        return provider_of(route).is_polled
    except ValueError:
        return False


def forget() -> None:
    """Make every provider anew."""
    _built_in.cache_clear()
    _made.cache_clear()


@cache
def _built_in(name: str) -> Provider:
    options: dict[str, Any] = dict(settings.SMS_PROVIDERS[name])
    made: Provider = import_string(options.pop("class"))(name, **options)
    return made


@lru_cache(maxsize=256)
def _made(name: str, kind_name: str, options: tuple[tuple[str, str], ...], credentials: bytes) -> Provider:
    secrets = Safe(settings.SMS_CREDENTIALS_KEYS).decrypt(credentials)
    learn(_values_in(secrets.values()))  # before anything is made of them: that may fail, and say why
    made = kind(kind_name).from_setup(setup_of(name, kind_name, {**dict(options), **secrets}))
    learn(_values_in(made.secrets))
    return made


def _values_in(secrets: Iterable[str]) -> Iterator[str]:
    """Yield secrets as they may turn up in a log: several may stand in one option, and addresses write them their way.

    A key of several lines is told line by line.
    """
    for one in secrets:
        for value in {one, *one.split(","), *one.splitlines()}:
            yield from {value.strip(), quote(value.strip(), safe=""), quote_plus(value.strip())}


def setup_of(name: str, kind_name: str, given: Mapping[str, str]) -> Setup:
    """Return what a provider is made of. Raises ValueError for options that are missing, or that there are none of."""
    known = {one.name: one for one in kind(kind_name).OPTIONS}
    if unknown := sorted(given.keys() - known.keys()):
        raise ValueError(f"A {kind_name} has no option {', '.join(unknown)}; it has {', '.join(known)}.")
    missing = [
        one.name for one in known.values() if one.is_required and one.default is None and not given.get(one.name)
    ]
    if missing:
        raise ValueError(f"A {kind_name} needs {', '.join(missing)}.")
    base = f"{settings.SMS_PUBLIC_URL}/api/webhooks/{quote(name, safe='')}" if settings.SMS_PUBLIC_URL else None
    tokens = secrets_of(given.get(WEBHOOK_TOKEN.name, ""))
    tail = f"{quote(tokens[0], safe='')}/" if tokens else ""
    return Setup(
        route=name,
        options={**{one.name: one.default or "" for one in known.values()}, **given},
        status_url=None if base is None else f"{base}/status/{tail}",
        inbound_url=None if base is None else f"{base}/inbound/{tail}",
        timeout=settings.SMS_PROVIDER_TIMEOUT,
    )
