"""What processes use, from /proc: CPU time and memory, each with all its descendants."""

import os
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and its descendants, those included that have ended."""
    return sum(_own_and_reaped(one) for one in family(pid)) / TICKS


def memory_kib(pid: int) -> int:
    """Return the memory of a process and its descendants; what several share counts once, divided among them (PSS)."""
    return sum(_pss(one) for one in family(pid))


def snapshot(processes: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU seconds used so far, by name."""
    return {name: cpu_seconds(pid) for name, pid in processes.items()}


def since(before: Mapping[str, float], processes: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU seconds used after `before` was taken, by name."""
    now = snapshot(processes)
    return {name: max(now[name] - before[name], 0.0) for name in now if name in before}


def family(pid: int) -> list[int]:
    """Return a process and all its descendants that run now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on, or none when the process has gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _own_and_reaped(pid: int) -> int:
    fields = _stat(pid)
    # utime, stime, and the same of children that were waited for (proc_pid_stat(5), fields 14 to 17).
    return sum(int(field) for field in fields[11:15])


def _pss(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
