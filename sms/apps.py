"""Django's name for the domain."""

from django.apps import AppConfig


class SmsConfig(AppConfig):
    """The only app with models."""

    name = "sms"
    verbose_name = "SMS messaging"
