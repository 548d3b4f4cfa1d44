"""The providers that the operator has set up, and which of them a message goes to."""

from functools import cache
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.utils.module_loading import import_string

from sms.providers.base import Provider

SIMULATOR: Final = "simulator"


class Route(NamedTuple):
    """The provider that a message goes to, and why."""

    provider: str
    takes_batches: bool
    reason: str


@cache
def get_provider(name: str = SIMULATOR) -> Provider:
    """Return the provider of that name. Raises KeyError when it is not set up."""
    options: dict[str, Any] = dict(settings.SMS_PROVIDERS[name])
    made: Provider = import_string(options.pop("class"))(name, **options)
    return made


def default_provider() -> Provider:
    """Return the provider that messages go to where nothing else is said."""
    return get_provider(settings.SMS_DEFAULT_PROVIDER)


def provider_for(default: Provider, *, is_test: bool) -> Provider:
    """Return the provider that a message goes to. A test message goes to the simulator, whatever the default is."""
    return get_provider(SIMULATOR) if is_test and default.name != SIMULATOR else default


def choose_route(*, is_test: bool) -> Route:
    """Return the route of a message."""
    default = default_provider()
    provider = provider_for(default, is_test=is_test)
    reason = "Test messages go to the simulator." if provider is not default else "It is the default."
    return Route(provider.name, provider.takes_batches, reason)
