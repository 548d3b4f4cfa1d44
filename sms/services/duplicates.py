"""Equal messages in one batch: those that ask for the same, and have no idempotency key of their own.

The same is what has the same fingerprint: everything that is asked for, after normalisation. A policy is about what
would be new. A place whose key is taken already answers for itself, as ever: what is stored is never called refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sms.errors import SmsError
from sms.services.new_message import NewMessage
from sms.services.store import Accepted, Earlier


class DuplicatePolicy(StrEnum):
    """What becomes of a message of a batch that asks for the same as an earlier one."""

    COLLAPSE = "COLLAPSE"  # it is the earlier one
    ALLOW = "ALLOW"  # it is a message of its own
    REJECT = "REJECT"  # it is refused


def equal_places(asked: Sequence[Mapping[str, Any]], checked: Sequence[NewMessage | SmsError]) -> list[list[int]]:
    """Return the places of each set of equal messages, in their order; nothing for a batch without any."""
    firsts: dict[bytes | None, int] = {}
    sets: dict[int, list[int]] = {}
    for place, one in enumerate(checked):
        if isinstance(one, NewMessage) and not asked[place].get("idempotency_key"):
            first = firsts.setdefault(one.fingerprint, place)
            if first != place:
                sets.setdefault(first, [first]).append(place)
    return list(sets.values())


def copies(sets: Sequence[Sequence[int]], new: Mapping[int, NewMessage], earlier: Earlier) -> dict[int, int]:
    """Return the places whose message must not be stored, each with the place of its original.

    `new` has the messages of all these places, and `earlier` what their keys stand for already. The original is one
    that an earlier request stored, or else the first that is new.
    """
    found: dict[int, int] = {}
    for places in sets:
        open_ = [place for place in places if new[place].id not in earlier]
        stored = [place for place in places if isinstance(earlier.get(new[place].id), Accepted)]
        originals = stored or open_
        found |= {place: originals[0] for place in open_ if place != originals[0]}
    return found


def spread(results: Sequence[Accepted | SmsError], of: Mapping[int, int]) -> list[Accepted | SmsError]:
    """Return a result for every place, from those without the copies: a copy says what its original says."""
    told = iter(results)
    places = range(len(results) + len(of))
    originals = {place: next(told) for place in places if place not in of}
    return [_again(originals[of[place]]) if place in of else originals[place] for place in places]


def _again(result: Accepted | SmsError) -> Accepted | SmsError:
    return replace(result, replayed=True) if isinstance(result, Accepted) else result
