"""Sending, a task for each message."""

import requests
from celery import shared_task
from django.conf import settings

from benchmarks.baseline.models import Message

http = requests.Session()  # keeps its connection to the provider


@shared_task(bind=True, max_retries=5, ignore_result=True)
def send(self, message_id):
    """Hand one message to the provider."""
    message = Message.objects.get(id=message_id)
    message.status = Message.Status.SENDING
    message.save(update_fields=["status", "updated_at"])
    document = {
        "client_reference": message_id,
        "from": message.sender_id,
        "to": message.recipient,
        "text": message.text,
    }
    try:
        answer = http.post(f"{settings.PROVIDER_URL}/v1/messages", json=document, timeout=10)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise self.retry(exc=error, countdown=2**self.request.retries) from error
    # Only from SENDING: the receipt may have been faster.
    Message.objects.filter(id=message_id, status=Message.Status.SENDING).update(
        status=Message.Status.SENT, provider_reference=answer.json()["reference"]
    )
