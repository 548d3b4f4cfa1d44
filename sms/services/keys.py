"""Give, take back and replace API keys. Of a secret only the digest is kept: it is shown once, when it is made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sms import api_keys, networks, scopes
from sms.database import query, rows, transact
from sms.models import ApiKey
from sms.services.accounts import NotChanged, locked

LONGEST_LABEL: Final = 100
LABEL: Final = "API key"
MOST_NETWORKS: Final = 100
LONGEST_OVERLAP: Final = 30 * 24  # hours
SHORTEST_PREFIX: Final = 12  # characters by which a key may be named


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, and its secret, which nobody can find out later."""

    key: ApiKey
    secret: str


def create(
    account_name: str,
    *,
    label: str = LABEL,
    is_test: bool = False,
    granted: Iterable[str] = scopes.USUAL,
    expires_at: datetime | None = None,
    allowed_networks: Iterable[str] = (),
) -> NewKey:
    """Give an account a new key. Raises NotChanged, Unavailable."""
    key = check(label=label, is_test=is_test, granted=granted, expires_at=expires_at, allowed_networks=allowed_networks)
    return transact(_create, account_name, key)


def check(
    *,
    label: str,
    is_test: bool,
    granted: Iterable[str],
    expires_at: datetime | None,
    allowed_networks: Iterable[str],
) -> ApiKey:
    """Return a key as it can be stored, but for its account and its secret. Raises NotChanged, Unavailable."""
    if expires_at is not None and expires_at <= query(_now):
        raise NotChanged("A key cannot expire in the past.")
    return ApiKey(
        name=_check_label(label),
        is_test=is_test,
        scopes=_check_scopes(granted),
        expires_at=expires_at,
        allowed_networks=_check_networks(allowed_networks),
    )


def _create(account_name: str, key: ApiKey) -> NewKey:
    key.account = locked(account_name)
    return _store(key)


def _store(key: ApiKey) -> NewKey:
    secret = api_keys.new_secret(is_test=key.is_test)
    key.prefix, key.secret_sha256 = api_keys.prefix_of(secret), api_keys.digest(secret)
    key.created_at = _now()
    key.save(force_insert=True)
    return NewKey(key, secret)


def find(named: str) -> ApiKey:
    """Return the one key that has this id, is this secret, or begins like this. Raises NotChanged, Unavailable."""
    found = query(_find, named.removesuffix("…"))
    if not found:
        raise NotChanged(f"There is no API key '{_shown(named)}'.")
    if len(found) > 1:
        ids = ", ".join(str(key.id) for key in found)
        raise NotChanged(f"Several API keys begin with '{named}': name one by its id, of {ids}.")
    return found[0]


def _find(named: str) -> Sequence[ApiKey]:
    keys = ApiKey.objects.select_related("account")
    try:
        return list(keys.filter(id=UUID(named)))
    except ValueError:
        pass
    if (key := keys.filter(secret_sha256=api_keys.digest(named)).first()) is not None:
        return [key]
    if len(named) < SHORTEST_PREFIX:
        raise NotChanged(f"Name a key by its id, or by {SHORTEST_PREFIX} characters at least of its beginning.")
    return list(keys.filter(prefix__startswith=named[: api_keys.SHOWN]).order_by("id")[:10])


def _shown(named: str) -> str:
    """Return what may be said of something that may be a secret."""
    return named if len(named) <= api_keys.SHOWN else f"{named[: api_keys.SHOWN]}…"


def revoke(named: str) -> ApiKey:
    """Make a key useless, everywhere within 5 seconds, for ever. Raises NotChanged, Unavailable.

    Its sockets are closed within some seconds more. Revoked again, nothing changes.
    """
    return transact(_revoke, find(named).id)


def _revoke(key_id: UUID) -> ApiKey:
    key = _locked(key_id)
    if key.revoked_at is None:
        key.revoked_at = _now()
        key.save(update_fields=["revoked_at"])
    return key


def rotate(named: str, *, overlap: timedelta) -> tuple[ApiKey, NewKey]:
    """Make a key that may do the same, and let the old one expire after `overlap`; return both.

    The new one lives as long as the old one was given. Raises NotChanged, Unavailable.
    """
    if not timedelta() <= overlap <= timedelta(hours=LONGEST_OVERLAP):
        raise NotChanged(f"The old key may live on for 0 to {LONGEST_OVERLAP} hours.")
    return transact(_rotate, find(named).id, overlap)


def _rotate(key_id: UUID, overlap: timedelta) -> tuple[ApiKey, NewKey]:
    old, now = _locked(key_id), _now()
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise NotChanged(f"The API key {old} is {'revoked' if old.revoked_at else 'expired'}; create a new one.")
    new = ApiKey(
        account=old.account,
        name=old.name or LABEL,
        is_test=old.is_test,
        scopes=old.scopes,
        allowed_networks=old.allowed_networks,
        expires_at=None if old.expires_at is None else now + (old.expires_at - old.created_at),
    )
    old.expires_at = min(old.expires_at or now + overlap, now + overlap)
    old.save(update_fields=["expires_at"])
    return old, _store(new)


def _locked(key_id: UUID) -> ApiKey:
    return ApiKey.objects.select_for_update(of=("self",)).select_related("account").get(id=key_id)


def _now() -> datetime:
    """Return the time by the clock that decides whether a key is valid."""
    now: datetime = rows("SELECT clock_timestamp()")[0][0]
    return now


def _check_label(label: str) -> str:
    if not (0 < len(label) <= LONGEST_LABEL and label.isprintable() and label == label.strip()):
        raise NotChanged(f"A key's name has 1 to {LONGEST_LABEL} printable characters, and no space at its ends.")
    return label


def _check_scopes(granted: Iterable[str]) -> list[str]:
    given = set(granted)
    if unknown := given - set(scopes.ALL):
        raise NotChanged(f"There is no scope '{min(unknown)}'; there are {', '.join(scopes.ALL)}.")
    if not given:
        raise NotChanged("A key without a scope could do nothing.")
    return [scope for scope in scopes.ALL if scope in given]


def _check_networks(given: Iterable[str]) -> list[str]:
    try:
        shown = [networks.show(networks.parse_network(one.strip())) for one in given]
    except ValueError as error:
        raise NotChanged(str(error)) from None
    if len(shown) > MOST_NETWORKS:
        raise NotChanged(f"A key has at most {MOST_NETWORKS} networks.")
    return list(dict.fromkeys(shown))
