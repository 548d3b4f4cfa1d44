"""Take what providers tell: receipts, which a worker processes, and texts; stored before they are answered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from sms.database import at_once
from sms.errors import InvalidInbound, InvalidReceipt, RouteNotFound, Unavailable
from sms.nudge import nudge_receipts
from sms.providers.base import DeliveryReport, InboundText, Provider, WebhookRequest
from sms.providers.registry import get_provider
from sms.routing import snapshot
from sms.services import costs
from sms.services.inbound import keep as keep_inbound
from sms.shared_commit import SharedCommit

__all__ = ["Incoming", "keep", "keep_inbound", "provider_of_route", "receive", "store", "take"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One receipt to store, with the request that brought it."""

    provider: str
    report: DeliveryReport
    body: bytes = field(repr=False)


async def receive(provider: Provider, request: WebhookRequest) -> int:
    """Verify a provider's call, store its receipts, and return how many, after the commit.

    Raises SignatureRefused, InvalidReceipt, Unavailable. After the last, some may be stored: a receipt may come twice.
    """
    provider.verify(request)
    reports = provider.receipts(request)
    await keep(provider.name, reports, request.body)
    return len(reports)


async def take(provider: Provider, request: WebhookRequest, *, is_inbound: bool) -> None:
    """Verify a call to one of a route's addresses, and store what it tells; returns after the commit.

    Raises SignatureRefused, InvalidReceipt, InvalidInbound, Unavailable. After the last, some may be stored: whatever
    comes may come twice.
    """
    provider.verify(request)
    reports = provider.receipts(request) if provider.SHARES_ADDRESS or not is_inbound else ()
    texts = _inbound(provider, request) if provider.SHARES_ADDRESS or is_inbound else ()
    await keep(provider.name, reports, request.body)
    await keep_inbound(provider.name, texts)


def _inbound(provider: Provider, request: WebhookRequest) -> Sequence[InboundText]:
    """Translate a text; whatever adapters find wrong with it is wrong with that. Raises InvalidInbound."""
    try:
        return provider.inbound(request)
    except InvalidReceipt as error:
        raise InvalidInbound(error.detail, field=error.field) from None


async def keep(provider_name: str, reports: Sequence[DeliveryReport], body: bytes) -> None:
    """Store receipts that came in one request; returns after the commit. Raises Unavailable."""
    incoming = (Incoming(provider_name, report, report.body or body) for report in reports)
    await asyncio.gather(*map(_inbox, incoming))
    if reports:
        nudge_receipts()


def keep_polled(provider_name: str, reports: Sequence[DeliveryReport]) -> None:
    """Store receipts that a provider was asked for; returns after the commit. Raises Unavailable."""
    if reports:
        store([Incoming(provider_name, report, report.body or b"") for report in reports])
        nudge_receipts()


async def provider_of_route(name: str) -> Provider:
    """Return the provider of a route, as it is set up now. Raises RouteNotFound, Unavailable."""
    await snapshot.fresh()
    try:
        return get_provider(name)
    except KeyError:
        raise RouteNotFound from None
    except ValueError as error:  # its credentials cannot be read, for one: what it sends must not be lost for that
        log.error("route_unusable", route=name, error=str(error))  # noqa: TRY400  the sentence says it
        raise Unavailable from None


INSERT = """
INSERT INTO sms_receipt (provider, provider_reference, client_reference, provider_status, status, error_code,
                         provider_error, body, price, currency, tries, received_at, due_at)
SELECT t.*, 0, clock_timestamp(), clock_timestamp()
FROM unnest(%s::text[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[],
            %s::numeric[], %s::text[]) AS t
"""


def store(incoming: Sequence[Incoming]) -> Sequence[None]:
    """Store a set of receipts in one commit."""
    prices = [costs.understood(one.report.price) for one in incoming]
    at_once(
        INSERT,
        [one.provider for one in incoming],
        [one.report.provider_reference for one in incoming],
        [one.report.client_reference for one in incoming],
        [one.report.provider_status for one in incoming],
        [one.report.status for one in incoming],
        [one.report.error for one in incoming],
        [one.report.provider_error for one in incoming],
        [one.body for one in incoming],
        [None if price is None else price.amount for price in prices],
        [None if price is None else price.currency for price in prices],
    )
    return [None] * len(incoming)


_inbox: SharedCommit[Incoming, None] = SharedCommit(store, at_once=500, waiting=5_000)
