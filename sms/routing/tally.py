"""When a route has failed so often that nothing should go there for a while. Pure, and per process.

Each process counts what it has seen itself: at a few messages a second that is a few seconds of failures, at hundreds
some hundredths, and what fails meanwhile goes elsewhere at once, one by one.
"""

from collections import deque
from collections.abc import Collection
from typing import Final

IN_A_ROW: Final = 5  # failures that nothing came between
LOOKED_AT: Final = 20  # outcomes of a country, the newest
TOO_MANY: Final = 10  # failures among those
REMEMBERED: Final = 60.0  # seconds
SEVERAL: Final = 3  # countries that fail at once: it is the route, not the countries


class Tally:
    """What came of the last messages of each route and country. Times are of any clock that never steps."""

    def __init__(self) -> None:
        self._seen: dict[int, dict[str, deque[tuple[float, bool]]]] = {}

    def note(self, route_id: int, country: str, *, failed: bool, now: float) -> None:
        """Remember what came of one message: `failed` where the provider, not the message, was the reason."""
        countries = self._seen.setdefault(route_id, {})
        countries.setdefault(country, deque(maxlen=LOOKED_AT)).append((now, failed))

    def failing(self, route_id: int, *, now: float) -> Collection[str]:
        """Return the countries for which a route has failed too often."""
        return {one for one, seen in self._seen.get(route_id, {}).items() if _is_too_much(seen, now)}

    def knows(self, route_id: int) -> bool:
        """Whether anything of a route is remembered."""
        return route_id in self._seen

    def is_clean(self, route_id: int) -> bool:
        """Whether no failure of a route is remembered."""
        return not any(failed for seen in self._seen.get(route_id, {}).values() for _, failed in seen)

    def forget(self, route_id: int) -> None:
        """Begin anew with a route."""
        self._seen.pop(route_id, None)


def _is_too_much(seen: Collection[tuple[float, bool]], now: float) -> bool:
    recent = [failed for at, failed in seen if now - at <= REMEMBERED]
    return recent.count(True) >= TOO_MANY or (len(recent) >= IN_A_ROW and all(recent[-IN_A_ROW:]))
