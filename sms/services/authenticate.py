"""Tell who is calling, and what they may do."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.conf import settings

from sms import selectors
from sms.content import BlockedKeywords
from sms.database import in_thread, query
from sms.errors import PermissionDenied, Unauthenticated

FRESH = 3.0  # seconds; a revocation is felt everywhere within 5
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """An account as one API key sees it: all that a request needs to be checked without a query."""

    account_id: UUID
    account_name: str
    scopes: frozenset[str]
    sender_ids: frozenset[str]
    blocked_keywords: BlockedKeywords
    is_test: bool = False  # whatever is sent reaches the simulator only

    def require(self, scope: str) -> None:
        """Raise PermissionDenied unless the key has the scope."""
        if scope not in self.scopes:
            raise PermissionDenied(scope)


_known: dict[bytes, tuple[float, Caller | None]] = {}
_asked: dict[bytes, asyncio.Future[Caller | None]] = {}  # look-ups under way: one a key, however many wait for it
_ANONYMOUS = b"anonymous"


async def authenticate(authorization: str | None) -> Caller:
    """Return the caller that an Authorization header stands for.

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
    return _present(await _look_up(hashlib.sha256(secret.strip().encode("utf-8", "replace")).digest()))


def forget() -> None:
    """Ask the database again for every key."""
    _known.clear()


def _present(caller: Caller | None) -> Caller:
    if caller is None:
        raise Unauthenticated("This API key is not valid.")
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
    account, scopes, sender_ids = found
    return Caller(
        account_id=account.id,
        account_name=account.name,
        scopes=frozenset(scopes),
        sender_ids=frozenset(sender_ids),
        blocked_keywords=BlockedKeywords(account.blocked_keywords),
    )
