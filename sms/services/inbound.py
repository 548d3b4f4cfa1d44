"""Take texts from handsets: stored, joined, given to whose conversation they are part of, and heard if they say STOP.

All of that is one commit, and the provider is answered after it. Nothing of it needs Redis: that is only told.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from uuid_utils.compat import uuid7

from sms import phone_numbers
from sms.database import query, rows, transact
from sms.events import TextReceived, announce_received
from sms.nudge import nudge_sweep
from sms.opt_outs import Keyword, Keywords
from sms.phone_numbers import LONGEST_PARTY
from sms.providers.base import InboundText, Part
from sms.routing import snapshot
from sms.routing.records import SIMULATOR, Snapshot
from sms.services import conversation, inbound_parts, opt_outs
from sms.services.conversation import Conversation
from sms.services.inbound_parts import Joined
from sms.shared_commit import SharedCommit

log = structlog.get_logger(__name__)

LONGEST_REFERENCE: Final = 255
_is_long_number = re.compile("[1-9][0-9]{8,14}").fullmatch  # no short code has so many digits
LONGEST_TEXT: Final = 40_000  # characters: 255 parts have no more
MOST_PARTS: Final = 255  # 3GPP TS 23.040, 9.2.3.24.1


@dataclass(frozen=True, slots=True)
class Arrived:
    """A text, or a part of one, as the database can keep it."""

    provider: str
    provider_reference: str
    sender: str = field(repr=False)  # E.164 where it is a number
    recipient: str
    written: str  # the recipient as the provider had it
    text: str = field(repr=False)
    sent_at: datetime | None
    keyword: Keyword | None = None  # what the provider makes of it
    part: Part | None = None
    is_complete: bool = True


async def keep(provider_name: str, texts: Sequence[InboundText]) -> None:
    """Store texts that came in one request, and return after the commit. Raises Unavailable.

    After that some may be stored: a text may come twice, and so may a part of one.
    """
    told = await asyncio.gather(*(_inbox(arrived(provider_name, one)) for one in texts))
    received = [one for one in told if one is not None]
    if received:
        # Nobody waits for Redis: the provider least of all.
        telling = asyncio.get_running_loop().run_in_executor(None, announce_received, received)
        _telling.add(telling)
        telling.add_done_callback(_telling.discard)
    if any(one.is_to_be_confirmed for one in received):
        nudge_sweep()


_telling: set["asyncio.Future[None]"] = set()


def arrived(provider_name: str, told: InboundText) -> Arrived:
    """Return what is stored of a text that a provider brought."""
    written = _clean(told.recipient)[:LONGEST_PARTY]
    return Arrived(
        provider=provider_name,
        provider_reference=_reference(told.provider_reference),
        sender=_number(_clean(told.sender)[:LONGEST_PARTY]),
        recipient=_number(written),
        written=written,
        text=_clean(told.text)[:LONGEST_TEXT],
        sent_at=told.received_at,
        keyword=told.keyword,
        part=told.part if told.part is not None and _is_possible(told.part) else None,
    )


def _clean(text: str) -> str:
    """Return a text without what PostgreSQL cannot keep: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _number(written: str) -> str:
    """Return a number in E.164, also one of a range that is newer than what we know; anything else as it is."""
    found = phone_numbers.find(written, default_region=settings.SMS_DEFAULT_REGION)
    return found or (f"+{written}" if _is_long_number(written) else written)


def _reference(given: str) -> str:
    """Return a reference that can be kept; without one a text is stored each time that it comes, and never lost."""
    reference = _clean(given) or f"none-{uuid4()}"
    if len(reference) <= LONGEST_REFERENCE:
        return reference
    return f"{reference[:180]} {hashlib.sha256(reference.encode()).hexdigest()}"


def _is_possible(part: Part) -> bool:
    """Whether a text may have such a part among others."""
    return 1 <= part.number <= part.total <= MOST_PARTS and part.total > 1


def store(texts: Sequence[Arrived]) -> Sequence[TextReceived | None]:
    """Store a set in one commit; what is no whole text yet, or was there before, has no result."""
    return transact(_store, texts, snapshot.current())


def _store(texts: Sequence[Arrived], routes: Snapshot) -> Sequence[TextReceived | None]:
    parts = {place: _as_part(one, one.part) for place, one in enumerate(texts) if one.part is not None}
    whole = {place: one for place, one in enumerate(texts) if one.part is None}
    if parts:
        joined = {one.key: _as_text(one) for one in inbound_parts.put(list(parts.values()))}
        # It is the result of its last part that came.
        whole |= {place: joined.pop(parts[place].key) for place in reversed(parts) if parts[place].key in joined}
    told = dict(zip(whole, deliver(list(whole.values()), routes), strict=True)) if whole else {}
    return [told.get(place) for place in range(len(texts))]


def _as_part(one: Arrived, part: Part) -> inbound_parts.Arrived:
    key = (one.provider, one.sender, one.recipient, _clean(part.reference)[:64], part.total)
    return inbound_parts.Arrived(key, part.number, one.provider_reference, one.text, one.sent_at)


def _as_text(joined: Joined) -> Arrived:
    provider, sender, recipient, *_ = joined.key
    return Arrived(
        provider=provider,
        provider_reference=joined.provider_reference,
        sender=sender,
        recipient=recipient,
        written=recipient,
        text=joined.text,
        sent_at=joined.sent_at,
        is_complete=joined.is_complete,
    )


INSERT = """
INSERT INTO sms_inboundmessage (id, account_id, provider, provider_reference, sender, recipient, text, is_complete,
                                keyword, answers_id, is_test, sent_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bool[],
                     %s::text[], %s::uuid[], %s::bool[], %s::timestamptz[]) AS t
ORDER BY 3, 4
ON CONFLICT (provider, provider_reference) DO NOTHING
RETURNING id
"""


def deliver(texts: Sequence[Arrived], routes: Snapshot) -> list[TextReceived | None]:
    """Store whole texts, in this transaction, and do what they say; None for one that was there before."""
    found = conversation.find([_asked(one, routes) for one in texts])
    ids = [uuid7() for _ in texts]
    keywords = [_keyword(one, whose) for one, whose in zip(texts, found, strict=True)]
    new = {
        row[0]
        for row in rows(
            INSERT,
            ids,
            [None if whose is None else whose.account_id for whose in found],
            [one.provider for one in texts],
            [one.provider_reference for one in texts],
            [one.sender for one in texts],
            [one.recipient for one in texts],
            [one.text for one in texts],
            [one.is_complete for one in texts],
            keywords,
            [None if whose is None else whose.message_id for whose in found],
            [whose is not None and whose.is_test for whose in found],
            [one.sent_at for one in texts],
        )
    }
    said = [
        _Said(text_id, one, whose, keyword)
        for text_id, one, whose, keyword in zip(ids, texts, found, keywords, strict=True)
        if text_id in new and whose is not None and keyword is not None
    ]
    confirmed = _obey(said) if said else set()
    return [
        TextReceived(None if whose is None else whose.account_id, text_id, text_id in confirmed)
        if text_id in new
        else None
        for text_id, whose in zip(ids, found, strict=True)
    ]


def _asked(one: Arrived, routes: Snapshot) -> conversation.Asked:
    """Test messages go to the built-in simulator, and live ones only while there is no route: see ADR 8."""
    if one.provider != SIMULATOR.name:
        is_test: bool | None = False
    else:
        is_test = True if routes.routes else None
    return conversation.Asked(one.sender, one.recipient, one.written, is_test)


def _keyword(one: Arrived, whose: Conversation | None) -> Keyword | None:
    if one.keyword is not None:
        return one.keyword
    return Keywords(*((whose.stops, whose.starts) if whose is not None else ())).find(one.text)


@dataclass(frozen=True, slots=True)
class _Said:
    """A text that asks for something, and of whom."""

    id: UUID
    text: Arrived
    whose: Conversation
    keyword: Keyword


def _obey(said: Sequence[_Said]) -> set[UUID]:
    """Add and take away opt-outs, in the order of the texts; return the texts that are to be confirmed."""
    opt_outs.lock({one.whose.account_id for one in said})
    confirmed = set()
    for one in said:
        whose = one.whose
        if one.keyword is Keyword.START:
            opt_outs.begin_again(account_id=whose.account_id, recipient=one.text.sender, is_test=whose.is_test)
        elif opt_outs.said_stop(
            account_id=whose.account_id,
            recipient=one.text.sender,
            is_test=whose.is_test,
            inbound_id=one.id,
            reply_from=whose.sender_id if whose.reply else None,
        ):
            confirmed.add(one.id)
    return confirmed


def deliver_incomplete(*, keep_going: Callable[[], bool]) -> int:
    """Deliver texts of which parts are missing for too long, and forget old parts; return how many texts."""
    total = 0
    while keys := query(inbound_parts.overdue):
        told = transact(_give_up, keys, snapshot.current())
        announce_received([one for one in told if one is not None])
        total += len(keys)
        if not keep_going():
            return total
    while transact(inbound_parts.prune) == inbound_parts.AT_ONCE and keep_going():
        pass
    return total


def _give_up(keys: Sequence[inbound_parts.Key], routes: Snapshot) -> list[TextReceived | None]:
    return deliver([_as_text(one) for one in inbound_parts.give_up(keys)], routes) if keys else []


_inbox: SharedCommit[Arrived, TextReceived | None] = SharedCommit(store, at_once=100, waiting=5_000)
