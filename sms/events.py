"""What the world may hear, and only after the commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from sms.records import EventRecord

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A message of an account took the next sequence: the very event that was committed."""

    account_id: UUID
    event: EventRecord


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A text from a handset was stored."""

    account_id: UUID | None  # None: nobody's conversation
    inbound_id: UUID
    is_to_be_confirmed: bool = False  # it was a STOP, and the account answers those


def announce_received(texts: Sequence[TextReceived]) -> None:
    """Tell every listener of texts that are stored, as `announce` does of changes."""
    _tell(settings.SMS_INBOUND_LISTENERS, texts)


def announce(changes: Sequence[StatusChanged]) -> None:
    """Tell every listener. Call it after the commit; a listener that fails silences nobody and undoes nothing."""
    _tell(settings.SMS_EVENT_LISTENERS, changes)


def _tell(listeners: Sequence[str], changes: Sequence[Any]) -> None:
    if not changes:
        return
    for path in listeners:
        try:
            import_string(path)(changes)
        except Exception:  # a lost hint is mended by the readers, a lost commit by nobody
            log.warning("listener_failed", listener=path, changes=len(changes), exc_info=True)
