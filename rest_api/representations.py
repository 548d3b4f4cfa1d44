"""What a REST client gets to see."""

from collections.abc import Sequence
from uuid import UUID

from rest_api import shapes
from sms import accounts
from sms.errors import LimitExceeded, SmsError
from sms.explain import Step
from sms.feed import FeedEvent
from sms.feed import Page as FeedPage
from sms.inbound import TextPage
from sms.listing import Page
from sms.money import Money, plain
from sms.numbering import NumberFacts
from sms.opted_out import OptOutPage
from sms.records import AttemptRecord, EventRecord, InboundRecord, MessageRecord, OptOutRecord
from sms.services.plan import Plan, Verdict, WayThere
from sms.services.store import Accepted
from sms.spending import Spending
from sms.statuses import FINAL
from sms.transliterate import Suggestion


def listed(shown: MessageRecord) -> shapes.ListedMessage:
    """Return a message without its history. Times are RFC 3339 in UTC."""
    return {
        "id": shown.id,
        "sender_id": shown.sender_id,
        "recipient": shown.recipient,
        "text": shown.text,
        "text_discarded_at": shown.body_discarded_at,
        "status": shown.status,
        "final": shown.status in FINAL,
        "provider": shown.provider,
        "provider_reference": shown.provider_reference,
        "client_reference": shown.client_reference,
        "metadata": shown.metadata or {},
        "delivery_policy": shown.delivery_policy,
        "priority": shown.priority.name,
        "test": shown.is_test,
        "send_at": shown.send_at,
        "encoding": shown.encoding,
        "segments": shown.segment_count,
        "price": price(shown),
        "error_code": shown.error_code,
        "created_at": shown.created_at,
        "updated_at": shown.updated_at,
    }


def price(shown: MessageRecord) -> shapes.Price | None:
    """Return what a message costs, where that is known."""
    if shown.price is None:
        return None
    cost = money(Money(shown.price, shown.currency or ""))
    return {**cost, "is_estimate": bool(shown.price_is_estimate)}


def money(shown: Money) -> shapes.Money:
    """Return an amount as a decimal number in a text: no number of JSON's."""
    return {"amount": str(plain(shown.amount)), "currency": shown.currency}


def message(shown: MessageRecord) -> shapes.Message:
    """Return a message with its history, which was read."""
    return {**listed(shown), "events": [event(one) for one in shown.history or ()]}


def message_and_attempts(shown: MessageRecord, attempts: Sequence[AttemptRecord]) -> shapes.MessageWithAttempts:
    """Return a message with its history and its submit attempts."""
    return {**message(shown), "attempts": [attempt(one) for one in attempts]}


def page(shown: Page) -> shapes.Page:
    """Return a page of a list; its messages have no history."""
    return {"messages": [listed(one) for one in shown.messages], "next": shown.next}


def me(shown: accounts.Me) -> shapes.Me:
    """Return a caller, its account and key, and what is left of the account's limits."""
    account, key, used, month = shown.account, shown.key, shown.used, shown.month
    return {
        "account": {
            "id": account.id,
            "name": account.name,
            "sender_ids": shown.sender_ids,
            "blocked_keywords": account.blocked_keywords,
            "limits": {
                "rate_limit": account.rate_limit,
                "daily_quota": account.daily_quota,
                "budget": None if account.budget is None else money(Money(account.budget, account.budget_currency)),
            },
            "discard_body_after": account.discard_body_after,
        },
        "key": None
        if key is None
        else {
            "prefix": key.prefix,
            "name": key.name,
            "test": key.is_test,
            "scopes": key.scopes,
            "expires_at": key.expires_at,
            "allowed_networks": key.allowed_networks,
        },
        "usage": {
            "today": {"accepted": used.accepted, "remaining": used.remaining, "resets_at": used.resets_at},
            "month": {
                "spent": [money(one) for one in month.spent],
                "remaining": None if month.remaining is None else money(month.remaining),
                "resets_at": month.resets_at,
            },
        },
    }


def results(shown: Sequence[Accepted | SmsError]) -> shapes.Results:
    """Return what became of each of many messages."""
    accepted = sum(isinstance(one, Accepted) for one in shown)
    return {"accepted": accepted, "refused": len(shown) - accepted, "results": [result(one) for one in shown]}


def result(shown: Accepted | SmsError) -> shapes.Result:
    """Return what became of one of many messages: it has either a `message` or a `refusal`."""
    if isinstance(shown, Accepted):
        return {"message": message(shown.message), "replayed": shown.replayed}
    refusal: shapes.Refusal = {"code": shown.code, "field": shown.field, "detail": shown.detail}
    if isinstance(shown, LimitExceeded):
        refusal["retry_after"] = shown.retry_after
    return {"refusal": refusal}


def event(shown: EventRecord) -> shapes.Event:
    """Return one line of a message's history; what moved nothing has no `sequence`."""
    return {
        "sequence": shown.sequence,
        "status": shown.status,
        "late": shown.late,
        "conflict": shown.conflict,
        "provider_status": shown.provider_status,
        "error_code": shown.error_code,
        "provider_error": shown.provider_error,
        "detail": shown.detail,
        "occurred_at": shown.occurred_at,
    }


def plan(shown: Plan) -> shapes.Plan:
    """Return what would become of a message."""
    reading = shown.reading
    return {
        "accepted": shown.accepted,
        "recipient": None if shown.recipient is None else recipient(shown.recipient),
        "text": reading.text,
        "encoding": reading.encoding,
        "segments": reading.segments,
        "characters": [character(one) for one in reading.characters],
        "segments_if_transliterated": reading.segments_if_transliterated,
        "verdicts": [verdict(one) for one in shown.verdicts],
        "route": None if shown.route is None else route(shown.route),
        "price": None if shown.price is None else {**money(shown.price), "is_estimate": True},
    }


def spending(shown: Spending) -> shapes.Spending:
    """Return what an account's messages of some days cost."""
    return {
        "from": shown.since,
        "to": shown.until,
        "total": [money(one) for one in shown.total],
        "lines": [
            {
                "day": line.day,
                "route": line.route,
                "messages": line.messages,
                "segments": line.segments,
                **money(line.cost),
            }
            for line in shown.lines
        ],
    }


def recipient(shown: NumberFacts) -> shapes.Recipient:
    """Return what is known of a phone number."""
    return {
        "number": shown.number,
        "country": shown.country,
        "country_name": shown.country_name,
        "carrier": shown.carrier,
        "number_type": shown.type,
    }


def character(shown: Suggestion) -> shapes.Character:
    """Return a character that forces a text into UCS-2."""
    return {
        "character": shown.character,
        "name": shown.name,
        "count": shown.count,
        "positions": shown.positions,
        "replacement": shown.replacement,
    }


def verdict(shown: Verdict) -> shapes.Verdict:
    """Return what one rule says; `ok` is null where it was not looked at."""
    return {
        "rule": shown.rule,
        "ok": shown.ok,
        "code": shown.code,
        "field": shown.field,
        "detail": shown.detail,
    }


def route(shown: WayThere) -> shapes.Route:
    """Return the provider that a message would go to."""
    return {"provider": shown.provider, "batch": shown.takes_batches, "reason": shown.reason}


def attempt(shown: AttemptRecord) -> shapes.Attempt:
    """Return one try to hand a message to a provider; while it is open it has no `finished_at` and no `outcome`."""
    return {
        "number": shown.number,
        "provider": shown.provider,
        "started_at": shown.started_at,
        "finished_at": shown.finished_at,
        "outcome": shown.outcome,
        "provider_reference": shown.provider_reference,
        "error_code": shown.error_code,
        "provider_error": shown.provider_error,
        "detail": shown.detail,
        "reason": shown.reason,
    }


def explanation(message_id: UUID, shown: Sequence[Step]) -> shapes.Explanation:
    """Return what happened to a message, in order."""
    return {"id": message_id, "steps": [_step(one) for one in shown]}


def _step(shown: Step) -> shapes.Step:
    return {
        "at": shown.at,
        "kind": shown.kind,
        "sentence": shown.sentence,
        "provider": shown.provider,
        "attempt": shown.attempt,
        "status": shown.status,
        "provider_status": shown.provider_status,
        "error_code": shown.error_code,
    }


def feed(shown: FeedPage) -> shapes.Feed:
    """Return a part of the account's feed, and the cursor to continue from."""
    return {"events": [feed_event(one) for one in shown.events], "cursor": str(shown.end), "more": not shown.is_last}


def feed_event(shown: FeedEvent) -> shapes.FeedEvent:
    """Return a change of a message, with the cursor of its place in the feed."""
    return {
        "cursor": str(shown.cursor),
        "message_id": shown.change.message_id,
        "client_reference": shown.client_reference,
        **event(shown.change),
        "final": shown.change.status in FINAL,
    }


def texts(shown: TextPage) -> shapes.InboundPage:
    """Return a page of texts from handsets."""
    return {"texts": [text(one) for one in shown.texts], "next": shown.next}


def text(shown: InboundRecord) -> shapes.InboundText:
    """Return a text from a handset."""
    return {
        "id": shown.id,
        "sender": shown.sender,
        "recipient": shown.recipient,
        "text": shown.text,
        "text_discarded_at": shown.body_discarded_at,
        "complete": shown.is_complete,
        "keyword": shown.keyword,
        "answers": shown.answers_id,
        "test": shown.is_test,
        "provider": shown.provider,
        "sent_at": shown.sent_at,
        "received_at": shown.received_at,
    }


def opt_outs(shown: OptOutPage) -> shapes.OptOutPage:
    """Return a page of opt-outs."""
    return {"opt_outs": [opt_out(one) for one in shown.opt_outs], "next": shown.next}


def opt_out(shown: OptOutRecord) -> shapes.OptOut:
    """Return an opt-out; one from all that the account sends has no sender ID."""
    return {
        "id": shown.id,
        "recipient": shown.recipient,
        "sender_id": shown.sender_id or None,
        "reason": shown.reason,
        "test": shown.is_test,
        "inbound_id": shown.inbound_id,
        "created_at": shown.created_at,
    }
