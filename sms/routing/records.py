"""Routes as those see them who choose among them: see `sms.models.Route`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

WORLD: Final = "001"  # UN M.49, where a breaker is not about one country


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRecord:
    """One route. An empty set allows everything."""

    id: int
    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    credentials: bytes = field(default=b"", repr=False)  # encrypted
    is_paused: bool = False
    sender_ids: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    priorities: frozenset[int] = frozenset()
    weight: int = 100
    health: int = 100  # per cent
    price: Decimal | None = None  # of one segment
    currency: str = ""
    throughput: int | None = None  # messages a second
    opens_at: time | None = None
    closes_at: time | None = None
    time_zone: str = "UTC"

    @property
    def share(self) -> float:
        """Its weight beside others', as it is doing at present."""
        return self.weight * self.health / 100

    def is_in_hours(self, now: datetime) -> bool:
        """Whether it may be used at that time of day. Hours may go over midnight."""
        if self.opens_at is None or self.closes_at is None or self.opens_at == self.closes_at:
            return True
        there = now.astimezone(ZoneInfo(self.time_zone)).time()
        if self.opens_at < self.closes_at:
            return self.opens_at <= there < self.closes_at
        return there >= self.opens_at or there < self.closes_at


# Always there, and not a row. Test messages go there; live ones only as long as there is no route.
SIMULATOR: Final = RouteRecord(id=0, name="simulator", kind="simulator")


class Snapshot:
    """All routes as they were at one time, and which of them do not work for which country.

    `broken`: a route's id and a country, or the WORLD, for each breaker that is open; and when it may be probed.
    """

    def __init__(self, routes: Iterable[RouteRecord] = (), broken: Iterable[tuple[int, str, datetime]] = ()) -> None:
        self.routes = tuple(routes)  # without the simulator
        self.broken = {(route_id, country): probe_at for route_id, country, probe_at in broken}
        self.offered: set[tuple[int, str]] = (
            set()
        )  # breakers to which this process has sent a message to be probed with
        self._by_id = {one.id: one for one in (SIMULATOR, *self.routes)}
        self._by_name = {one.name: one for one in (SIMULATOR, *self.routes)}

    def by_id(self, route_id: int) -> RouteRecord:
        """Return a route. Raises KeyError."""
        return self._by_id[route_id]

    def by_name(self, name: str) -> RouteRecord:
        """Return a route. Raises KeyError."""
        return self._by_name[name]

    @property
    def all(self) -> Iterable[RouteRecord]:
        """Every route, the simulator first."""
        return self._by_id.values()

    def breaker(self, route_id: int, country: str) -> str | None:
        """Return for what a breaker is open that a country's messages meet: the WORLD, or the country."""
        if (route_id, WORLD) in self.broken:
            return WORLD
        return country if (route_id, country) in self.broken else None
