"""Tell what would become of a message, without storing or sending anything."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from sms import content, numbering, phone_numbers, scopes, segments, transliterate
from sms.database import in_thread, query
from sms.errors import ErrorCode, InvalidMessage
from sms.models import DeliveryPolicy, Priority
from sms.money import Money
from sms.numbering import NumberFacts
from sms.providers.registry import provider_of
from sms.routing import snapshot
from sms.routing.choose import Choice, Wanted, first_choice
from sms.routing.records import RouteRecord
from sms.segments import Encoding
from sms.services import opt_outs
from sms.services.authenticate import Caller
from sms.services.rules import LONGEST_VALIDITY, RULES, Draft, Rule, RuleName, written
from sms.transliterate import Suggestion


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of a message."""

    rule: RuleName
    field: str
    ok: bool | None  # None: not looked at, because of the rule that has to be kept first
    code: ErrorCode | None = None
    detail: str | None = None


NOT_ASKED = Verdict(RuleName.OPT_OUT, "recipient", None)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text comes to. The text as it was given is the one whose characters are told of."""

    text: str | None  # that is sent; None for what no message can have, and then so are the next two
    encoding: Encoding | None
    segments: int | None
    characters: Sequence[Suggestion]  # that force the text into UCS-2
    segments_if_transliterated: int | None  # None for what is no text


@dataclass(frozen=True, slots=True)
class WayThere:
    """The route that a message would go by now, and why."""

    provider: str
    takes_batches: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of a message."""

    accepted: bool  # every rule is kept
    recipient: NumberFacts | None  # None for what is no phone number
    reading: Reading
    verdicts: Sequence[Verdict]  # of every rule
    route: WayThere | None  # None where there is nobody to send to
    price: Money | None = None  # None where the route, or how many segments there are, does not tell


async def plan_message(**asked: Any) -> Plan:
    """Plan as `plan` does, by routes and opt-outs as they are now. Raises PermissionDenied, Unavailable."""
    await snapshot.fresh()
    planned = plan(**asked)
    kept = {one.rule for one in planned.verdicts if one.ok}
    # What is no sender ID is not asked about: the database may not even take it.
    if planned.recipient is None or not {RuleName.RECIPIENT, RuleName.SENDER_ID} <= kept:
        return replace(planned, verdicts=[*planned.verdicts, NOT_ASKED])
    verdict = await in_thread(query, _ask, asked["caller"], planned.recipient.number, asked["sender_id"])
    return replace(planned, accepted=bool(planned.accepted and verdict.ok), verdicts=[*planned.verdicts, verdict])


def _ask(caller: Caller, recipient: str, sender_id: str) -> Verdict:
    if not opt_outs.is_suppressed(
        account_id=caller.account_id, recipient=recipient, sender_id=sender_id, is_test=caller.is_test
    ):
        return Verdict(RuleName.OPT_OUT, "recipient", ok=True)
    refusal = opt_outs.RecipientOptedOut()
    return Verdict(RuleName.OPT_OUT, "recipient", ok=False, code=refusal.code, detail=refusal.detail)


def plan(
    *,
    caller: Caller,
    sender_id: str,
    recipient: str,
    text: str,
    transliterate: bool = False,
    client_reference: str | None = None,
    delivery_policy: str = DeliveryPolicy.AT_MOST_ONCE,
    valid_for: int = LONGEST_VALIDITY,
    send_at: datetime | None = None,
    priority: str = Priority.NORMAL.name,
    metadata: Collection[tuple[str, str]] | None = None,
    idempotency_key: str | None = None,
) -> Plan:
    """Return what `accept` would make of the same arguments. Nothing is stored, asked of anybody, or remembered.

    By the routes that were known last, and as if nobody had opted out. It is accepted exactly when `accept` would store
    it now, if its idempotency key is new. Raises PermissionDenied.
    """
    caller.require(scopes.SEND)
    draft = Draft(
        sender_id=sender_id,
        recipient=recipient,
        text=written(text, transliterated=transliterate),
        client_reference=client_reference,
        delivery_policy=delivery_policy,
        valid_for=valid_for,
        send_at=send_at,
        priority=priority,
        metadata=metadata,
        idempotency_key=idempotency_key,
    )
    verdicts = _judge(draft, caller)
    kept = {one.rule for one in verdicts if one.ok}
    choice = _choose(draft, caller) if RuleName.RECIPIENT in kept else None
    number = phone_numbers.find(recipient, default_region=settings.SMS_DEFAULT_REGION)
    return Plan(
        accepted=len(kept) == len(RULES) and choice is not None,
        recipient=None if number is None else numbering.look_up(number),
        reading=_read(text, draft),
        verdicts=verdicts,
        route=None if choice is None else _way(choice),
        price=None if choice is None else _price(choice.route, draft),
    )


def _choose(draft: Draft, caller: Caller) -> Choice | None:
    wanted = Wanted(draft.recipient, draft.sender_id, draft.importance, caller.is_test)
    return first_choice(snapshot.last(), wanted, now=datetime.now(UTC), draw=random.random())  # noqa: S311


def _way(choice: Choice) -> WayThere:
    return WayThere(choice.route.name, _takes_batches(choice.route), choice.reason)


def _takes_batches(route: RouteRecord) -> bool:
    try:
        return provider_of(route).takes_batches
    except ValueError:  # a message is accepted all the same, and goes elsewhere or waits
        return False


def _price(route: RouteRecord, draft: Draft) -> Money | None:
    if route.price is None or (measured := draft.segmentation) is None:
        return None
    return Money(route.price * measured.count, route.currency)


def _judge(draft: Draft, caller: Caller) -> list[Verdict]:
    broken: set[RuleName] = set()
    verdicts = []
    for rule in RULES:
        verdict = Verdict(rule.name, rule.field, None) if rule.after in broken else _apply(rule, draft, caller)
        verdicts.append(verdict)
        if not verdict.ok:
            broken.add(rule.name)
    return verdicts


def _apply(rule: Rule, draft: Draft, caller: Caller) -> Verdict:
    try:
        rule.apply(draft, caller)
    except InvalidMessage as error:
        return Verdict(rule.name, rule.field, ok=False, code=error.code, detail=error.detail)
    return Verdict(rule.name, rule.field, ok=True)


def _read(given: str, draft: Draft) -> Reading:
    if not _is_text(given):
        return Reading(None, None, None, (), None)
    measured = draft.segmentation  # there is none if nothing was left of the text
    return Reading(
        text=draft.text if measured else None,
        encoding=measured.encoding if measured else None,
        segments=measured.count if measured else None,
        characters=transliterate.suggestions(given),
        segments_if_transliterated=segments.measure(transliterate.to_gsm7(given)).count,
    )


def _is_text(given: str) -> bool:
    """Whether it can be shown, and is short enough to look at each of its characters."""
    try:
        content.check_text(given)
    except InvalidMessage:
        return False
    return True
