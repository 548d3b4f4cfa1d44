"""Accepting messages, and the provider's webhook."""

import hashlib
import hmac

from django.conf import settings
from django.db import transaction
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.baseline.models import Message
from benchmarks.baseline.serializers import MessageSerializer
from benchmarks.baseline.tasks import send


class SendView(APIView):
    """`POST /api/messages/`."""

    def post(self, request):
        """Store one message and queue its sending."""
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {settings.API_KEY}"):
            raise AuthenticationFailed
        serializer = MessageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            message, is_new = Message.objects.get_or_create(
                idempotency_key=request.headers.get("Idempotency-Key"), defaults=serializer.validated_data
            )
            if is_new:
                transaction.on_commit(lambda: send.delay(str(message.id)))
        return Response(MessageSerializer(message).data, status=202)


class ReceiptView(APIView):
    """`POST /api/webhooks/dlr/`."""

    def post(self, request):
        """Apply one receipt, under the lock of its message."""
        expected = hmac.new(settings.SIGNING_SECRET.encode(), request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers.get("X-Provider-Signature", ""), expected):
            raise AuthenticationFailed
        with transaction.atomic():
            # By our own reference, which the provider echoes: its own may not be stored yet.
            message = Message.objects.select_for_update().get(id=request.data["client_reference"])
            message.status = request.data["status"]
            message.provider_reference = request.data["provider_reference"]
            message.save(update_fields=["status", "provider_reference", "updated_at"])
        return Response({"stored": 1}, status=202)
