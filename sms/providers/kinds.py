"""The kinds of provider that a route may have: each a class with FACTS and OPTIONS in a module of its own."""

from collections.abc import Mapping
from typing import Final

from django.utils.module_loading import import_string

from sms.providers.base import Provider

# Loaded when a route needs it: nobody pays for the rest.
KINDS: Final[Mapping[str, str]] = {
    "africas_talking": "sms.providers.africas_talking.AfricasTalking",
    "generic_http": "sms.providers.generic_http.GenericHttp",
    "hubtel": "sms.providers.hubtel.Hubtel",
    "infobip": "sms.providers.infobip.Infobip",
    "jasmin": "sms.providers.jasmin.Jasmin",
    "kannel": "sms.providers.kannel.Kannel",
    "plivo": "sms.providers.plivo.Plivo",
    "simulator": "sms.providers.simulator.SimulatorProvider",
    "sinch": "sms.providers.sinch.Sinch",
    "smpp": "sms.providers.smpp.Smpp",
    "telnyx": "sms.providers.telnyx.Telnyx",
    "twilio": "sms.providers.twilio.Twilio",
    "vonage_messages": "sms.providers.vonage_messages.VonageMessages",
    "vonage_sms": "sms.providers.vonage_sms.VonageSms",
}


def has_own_process(name: str) -> bool:
    """Whether routes of a kind are served by a process of their own, and by no worker."""
    return name in KINDS and kind(name).HAS_OWN_PROCESS


def kind(name: str) -> type[Provider]:
    """Return the class of a kind of provider. Raises KeyError."""
    found: type[Provider] = import_string(KINDS[name])
    return found
