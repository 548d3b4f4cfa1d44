"""The providers that the operator has set up."""

from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.module_loading import import_string

from sms.providers.base import Provider

DEFAULT = "simulator"


class Route(NamedTuple):
    """The provider that a message goes to, and why."""

    provider: str
    takes_batches: bool
    reason: str


@cache
def get_provider(name: str = DEFAULT) -> Provider:
    """Return the provider of that name. Raises KeyError when it is not set up."""
    options: dict[str, Any] = dict(settings.SMS_PROVIDERS[name])
    made: Provider = import_string(options.pop("class"))(name, **options)
    return made


def choose_route() -> Route:
    """Return the route of a message."""
    provider = get_provider()
    return Route(provider.name, provider.takes_batches, "It is the only provider that is set up.")
