"""Runs of a load against something, with what each process paid for a message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from benchmarks import cpu
from benchmarks.figures import Figure
from benchmarks.load.run import Result
from benchmarks.orders import Ordered


def load(port: int, connections: int, request: str, *, expect: str = "", status: int = 202) -> Ordered:
    """Start a load generator that sends one request again and again, each time with a new key."""
    return _load(port, connections, {"request": request, "expect": expect, "status": status})


def load_listed(port: int, connections: int, listed: str, *, status: int = 202) -> Ordered:
    """Start a load generator that sends the requests of a file."""
    return _load(port, connections, {"listed": listed, "expect": "", "status": status})


def _load(port: int, connections: int, what: dict[str, object]) -> Ordered:
    plan = {"host": "127.0.0.1", "port": port, "connections": connections}
    return Ordered("benchmarks.load", {**plan, **what})


def order(
    generator: Ordered, *, seconds: float | None = None, count: int | None = None, rate: float | None = None
) -> Result:
    """Run a load and return its result. All answers have to be the expected ones."""
    result = cast("Result", generator.do(seconds=seconds, count=count, rate=rate))
    assert not result["unexpected"], f"other answers than expected: {result['unexpected']}"
    return result


@dataclass(kw_only=True)
class Series:
    """Several runs of one thing, and the CPU time that they cost."""

    name: str
    processes: Callable[[], Mapping[str, int]]
    results: list[dict[str, Any]] = field(default_factory=list)
    messages: int = 0
    seconds_of: dict[str, float] = field(default_factory=dict)

    def run(self, work: Callable[[], Any]) -> None:
        """Do one run; `work` returns a Result, or whatever has `answered`, `seconds` and `latency`."""
        before = cpu.snapshot(self.processes())
        result = work()
        used = cpu.since(before, self.processes())
        for name, seconds in used.items():
            self.seconds_of[name] = self.seconds_of.get(name, 0.0) + seconds
        self.messages += result["answered"]
        self.results.append(result)

    @property
    def rates(self) -> list[float]:
        """Messages a second, run by run."""
        return [one["answered"] / one["seconds"] for one in self.results]

    def figure(self, **more: Any) -> Figure:
        """Return the figure of all runs."""
        ordered = sorted(self.results, key=lambda one: one["answered"] / one["seconds"])
        middle = ordered[len(ordered) // 2]
        used = {name: seconds * 1000 / self.messages for name, seconds in self.seconds_of.items()}
        return Figure(name=self.name, unit="/s", runs=self.rates, latency=middle["latency"], cpu_ms=used, **more)
