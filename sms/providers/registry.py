"""The providers that the operator has set up."""

from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from sms.providers.base import Provider

DEFAULT = "simulator"


@cache
def get_provider(name: str = DEFAULT) -> Provider:
    """Return the provider of that name. Raises KeyError when it is not set up."""
    options: dict[str, Any] = dict(settings.SMS_PROVIDERS[name])
    made: Provider = import_string(options.pop("class"))(name, **options)
    return made
