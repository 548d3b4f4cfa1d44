"""How much memory the processes take during a run, as the kernel counts it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.stack import FaultStack

EVERY = 0.5  # seconds; between two looks only what is killed can have grown unseen
MOST = {"web": 400, "spare": 400, "worker": 400, "worker2": 400}  # MB
KB, MB = 1024, 1024 * 1024
SERVERS = ("postgres", "redis")


@dataclass(slots=True)
class Memory:
    """The most that each process had (VmHWM), and each server with all its processes (PSS, shared memory once)."""

    stack: FaultStack
    most: dict[str, int] = field(default_factory=dict)  # name → MB

    def __post_init__(self) -> None:
        for _, pid in self._processes():
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the peak of earlier runs

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        """Note what everything has now, and had since the last look."""
        for name, pid in self._processes():
            self._note(name, of_process(pid, "VmHWM"))
        for name in SERVERS:
            server = getattr(self.stack, name)
            if server.child is not None and server.child.is_running:
                self._note(name, sum(_proportional(pid) for pid in family(server.child.pid)))

    def problems(self) -> list[str]:
        """Return who had more than it may have."""
        return [
            f"{name} took {self.most[name]} MB, more than {most}"
            for name, most in MOST.items()
            if self.most.get(name, 0) > most
        ]

    def _processes(self) -> Iterator[tuple[str, int]]:
        for child in (*self.stack.children, self.stack.spare):
            if child.is_running:
                yield child.name, child.pid

    def _note(self, name: str, found: int) -> None:
        self.most[name] = max(self.most.get(name, 0), round(found / MB))


def of_process(pid: int, what: str = "VmRSS") -> int:
    """Return a field of /proc/PID/status in bytes; 0 for a process that is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == what:
                return int(value.split()[0]) * KB
    return 0


def family(pid: int) -> list[int]:
    """Return a process and all its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _proportional(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * KB
    return 0
