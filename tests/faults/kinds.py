"""Every fault by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.faults import (
    clock_faults,
    live_faults,
    overload_faults,
    process_faults,
    receipt_faults,
    server_faults,
    stop_faults,
)
from tests.faults.provider import DISORDERLY, USUAL, Habits
from tests.faults.scene import Scene

RATE = 250.0  # messages a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault: what is set up before the load, what strikes while messages flow, what is looked at after."""

    strike: Callable[[Scene], None]
    prepare: Callable[[Scene], None] = lambda _: None
    check: Callable[[Scene], None] = lambda _: None
    times: int = 1  # so many times the messages of other kinds: it takes longer
    needs_proxies: bool = False
    needs_clocks: bool = False
    has_feed: bool = True  # somebody follows the account's feed
    rate: float = RATE
    habits: Habits = USUAL


def _killed_at(point: str) -> Kind:
    prepare = partial(process_faults.arm, point=point, action="kill")
    return Kind(prepare=prepare, strike=process_faults.killed_worker)


def _frozen_at(point: str) -> Kind:
    prepare = partial(process_faults.arm, point=point, action="stop")
    return Kind(prepare=prepare, strike=process_faults.frozen_worker)


def _cut(link: str) -> Kind:
    return Kind(strike=partial(server_faults.cut_link, name=link), needs_proxies=True)


KINDS: dict[str, Kind] = {
    "worker-killed-claimed": _killed_at("claimed"),
    "worker-killed-request-sent": _killed_at("request_sent"),
    "worker-killed-answered": _killed_at("answered"),
    "worker-killed-recorded": _killed_at("recorded"),
    "worker-killed-applied-receipts": _killed_at("applied_receipts"),
    "worker-frozen-claimed": _frozen_at("claimed"),
    "worker-frozen-request-sent": _frozen_at("request_sent"),
    "worker-frozen-any-time": Kind(strike=process_faults.frozen_any_time),
    "worker-frozen-in-transaction": Kind(strike=process_faults.frozen_in_transaction),
    "workers-stopped": Kind(strike=process_faults.no_workers),
    "web-killed": Kind(strike=process_faults.killed_web),
    "beat-killed": Kind(strike=process_faults.killed_beat),
    "redis-lost": Kind(strike=server_faults.lost_redis),
    "redis-lost-long": Kind(
        prepare=live_faults.web_has_its_own_way_to_redis, strike=live_faults.loses_redis_for_long, rate=25.0
    ),
    "postgres-fast": Kind(strike=partial(server_faults.stopped_postgres, mode="fast")),
    "postgres-immediate": Kind(strike=partial(server_faults.stopped_postgres, mode="immediate")),
    "postgres-killed": Kind(strike=server_faults.killed_postgres),
    "one-key-200-posts": Kind(strike=server_faults.one_key),
    "clock-ahead": Kind(strike=clock_faults.step_ahead, needs_clocks=True, rate=100.0),
    "clock-back": Kind(strike=clock_faults.step_back, needs_clocks=True, rate=100.0),
    "clock-steps": Kind(strike=clock_faults.step_about, needs_clocks=True, rate=100.0),
    "clock-apart": Kind(strike=clock_faults.step_apart, needs_clocks=True, rate=100.0),
    "cut-database": _cut("database"),
    "cut-redis": _cut("redis"),
    "cut-provider": _cut("provider"),
    "cut-webhook": _cut("webhook"),
    "cut-clients": _cut("front"),
    "delayed": Kind(strike=server_faults.delayed_link, needs_proxies=True),
    "poison-receipts": Kind(strike=receipt_faults.poisoned, rate=60.0),
    "receipts-disordered": Kind(
        prepare=partial(process_faults.arm, point="applied_receipts", action="kill"),
        strike=receipt_faults.disordered,
        needs_proxies=True,
        habits=DISORDERLY,
    ),
    "subscribers-vanish": Kind(prepare=live_faults.crowd_comes, strike=live_faults.crowd_vanishes, has_feed=False),
    "slow-reader": Kind(strike=live_faults.stops_reading, rate=25.0),
    "rolling-restart": Kind(strike=process_faults.rolling_restart, needs_proxies=True, times=10),
    "web-stopped": Kind(strike=stop_faults.web_stopped, check=stop_faults.nobody_noticed, needs_proxies=True, times=6),
    "worker-stopped-mid-batch": Kind(
        prepare=stop_faults.stop_second_worker, strike=stop_faults.worker_stopped, needs_proxies=True
    ),
    "provider-stalled": Kind(strike=overload_faults.stalled_provider, rate=50.0),
    "database-stalled": Kind(strike=overload_faults.stalled_database, check=overload_faults.flood_arrived, rate=100.0),
    "queue-order": Kind(
        prepare=overload_faults.stop_workers,
        strike=overload_faults.long_queue,
        check=overload_faults.urgent_went_first,
        rate=600.0,
        times=12,  # twice of what all threads of both workers claim at once
    ),
    "soak": Kind(strike=overload_faults.soak, rate=350.0, times=40),
}
