"""Tell who is calling, and what they may do."""

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error, connection, transaction

from sms import api_keys, networks, scopes, selectors
from sms.content import BlockedKeywords
from sms.database import execute, in_thread, query
from sms.errors import PermissionDenied, Unauthenticated
from sms.limits import Limits
from sms.models import Account, ApiKey
from sms.money import Money
from sms.networks import Address, Network
from sms.selectors import Access

FRESH = 3.0  # seconds; a revocation is felt everywhere within 5
REMEMBERED = 10_000
NO_LIMITS = Limits(None, None)
NOT_VALID = "This API key is not valid."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """An account as one API key sees it: all that a request needs to be checked without a query."""

    account_id: UUID
    account_name: str
    scopes: frozenset[str]
    sender_ids: frozenset[str]
    blocked_keywords: BlockedKeywords
    is_test: bool = False  # whatever is sent reaches the simulator only
    key_id: UUID | None = None  # the anonymous caller has none
    networks: tuple[Network, ...] = ()  # where the key may be used; empty: anywhere
    limits: Limits | None = None  # of the account, where it has some

    def require(self, scope: str) -> None:
        """Raise PermissionDenied unless the key has the scope."""
        if scope not in self.scopes:
            raise PermissionDenied(scope)

    def require_address(self, address: Address | None) -> None:
        """Raise Unauthenticated unless the key may be used from there; None is nowhere in particular.

        Only for a key with `networks`. Whoever found the key is told what is told of an unknown one; the log has more.
        """
        if address is None or not networks.is_within(address, self.networks):
            log.warning(
                "api_key_at_wrong_address", key=str(self.key_id), account=self.account_name, address=str(address)
            )
            raise Unauthenticated(NOT_VALID)


_known: dict[bytes, tuple[float, Caller | None]] = {}
_asked: dict[bytes, asyncio.Future[Caller | None]] = {}  # look-ups under way: one a key, however many wait for it
_ANONYMOUS = b"anonymous"


async def authenticate(authorization: str | None) -> Caller:
    """Return the caller that an Authorization header stands for. Doors use `edge.callers`, which minds addresses, too.

    Without a header: the anonymous account, where the operator has set one. Raises Unauthenticated, or Unavailable when
    the database cannot be asked.
    """
    if authorization is None:
        if not settings.SMS_ANONYMOUS_ACCOUNT:
            raise Unauthenticated
        return _present(await _look_up(_ANONYMOUS))
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthenticated
    # The database is asked for a digest, so neither it nor the time it takes tells anything about a near miss.
    return _present(await _look_up(api_keys.digest(secret.strip())))


def on_behalf_of(account_id: UUID, *, is_test: bool) -> Caller:
    """Return the caller as whom the service itself sends for an account. Raises Unavailable."""
    caller = _as_caller(query(selectors.access_of, account_id))
    assert caller is not None  # there is no key whose networks could be malformed
    return replace(caller, is_test=is_test)


def as_account(name: str) -> Caller | None:
    """Return an account as an operator's command sends for it, without a key; None where there is none of that name."""
    found = query(selectors.anonymous_access, name)
    return None if found is None else _as_caller(found)


def forget() -> None:
    """Ask the database again for every key."""
    _known.clear()


def _present(caller: Caller | None) -> Caller:
    if caller is None:
        raise Unauthenticated(NOT_VALID)
    return caller


async def _look_up(digest: bytes) -> Caller | None:
    now = time.monotonic()
    fresh_until, caller = _known.get(digest, (0.0, None))
    if now < fresh_until:
        return caller
    asking = _asked.get(digest)
    if asking is None:
        asking = _asked[digest] = asyncio.ensure_future(in_thread(query, _load, digest))
        asking.add_done_callback(partial(_remember, digest, now + FRESH))
    return await asyncio.shield(asking)  # one that goes away takes the answer from nobody else


def _remember(digest: bytes, fresh_until: float, asking: "asyncio.Future[Caller | None]") -> None:
    del _asked[digest]
    if asking.cancelled() or asking.exception() is not None:
        return
    if len(_known) >= REMEMBERED:  # a flood of invented keys must not grow the memory
        _known.clear()
    _known[digest] = (fresh_until, asking.result())


def _load(digest: bytes) -> Caller | None:
    if digest == _ANONYMOUS:
        found = selectors.anonymous_access(settings.SMS_ANONYMOUS_ACCOUNT)
    else:
        found = selectors.access_by_key(digest)
    if found is None:
        return None
    if found.key is not None:
        _note_use(found.key)
    return _as_caller(found)


def _as_caller(found: Access) -> Caller | None:
    account, key = found.account, found.key
    try:
        allowed = () if key is None else tuple(map(networks.parse_network, key.allowed_networks))
    except ValueError as error:  # written past our own checks: then the key opens nothing, rather than everything
        log.error("api_key_networks_malformed", key=str(key), error=str(error))  # noqa: TRY400  the sentence says it
        return None
    return Caller(
        account_id=account.id,
        account_name=account.name,
        scopes=scopes.granted(scopes.USUAL if key is None else key.scopes),
        sender_ids=frozenset(found.sender_ids),
        blocked_keywords=BlockedKeywords(account.blocked_keywords),
        is_test=key is not None and key.is_test,
        key_id=None if key is None else key.id,
        networks=allowed,
        limits=_limits_of(account),
    )


def _limits_of(account: Account) -> Limits | None:
    budget = None if account.budget is None else Money(account.budget, account.budget_currency)
    limits = Limits(account.rate_limit, account.daily_quota, budget)
    return None if limits == NO_LIMITS else limits


# At most once a minute for each key, by whichever process comes first; a row that somebody has locked can wait.
NOTE_USE = """
UPDATE sms_apikey SET last_used_at = now() WHERE id = (
    SELECT id FROM sms_apikey
    WHERE id = %s AND (last_used_at IS NULL OR last_used_at NOT BETWEEN now() - interval '1 minute' AND now())
    FOR UPDATE SKIP LOCKED
)
"""


def _note_use(key: ApiKey) -> None:
    """Write down that the key was used, if that can be written: nobody is refused, or waits for the disk, for this."""
    try:
        with transaction.atomic():
            execute("SET LOCAL synchronous_commit = off")
            execute(NOTE_USE, key.id)
    except Error as error:
        log.warning("last_use_not_written", key=str(key), error=type(error).__name__)
        connection.close_if_unusable_or_obsolete()
