"""Messages as JSON, checked by the rules that the service has too."""

import phonenumbers
from django.conf import settings
from rest_framework import serializers

from benchmarks.baseline.models import Message


class MessageSerializer(serializers.ModelSerializer):
    """A message that comes in or goes out."""

    class Meta:
        model = Message
        fields = ["id", "sender_id", "recipient", "text", "status", "provider_reference", "created_at", "updated_at"]
        read_only_fields = ["id", "status", "provider_reference", "created_at", "updated_at"]

    def validate_sender_id(self, value):
        """Refuse a sender ID that is not allowed."""
        if value not in settings.SENDER_IDS:
            raise serializers.ValidationError("This sender ID is not allowed.")
        return value

    def validate_recipient(self, value):
        """Return the number in E.164."""
        number = phonenumbers.parse(value if value.startswith("+") else f"+{value}")
        if not phonenumbers.is_valid_number(number):
            raise serializers.ValidationError("This is no phone number.")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def validate_text(self, value):
        """Refuse the blocked keyword."""
        if settings.BLOCKED_KEYWORD in value.upper().split():
            raise serializers.ValidationError("The text contains a blocked keyword.")
        return value
