"""What a figure was measured on."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devstack.checkout import ROOT
from devstack.programs import find_postgres, find_redis


def facts() -> dict[str, Any]:
    """Return the machine, the versions, the commit, and how busy others keep the machine."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": {
            "cpu": _cpu_model(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "kernel": platform.release(),
            "load_average": [round(one, 2) for one in os.getloadavg()],
        },
        "versions": {
            "python": platform.python_version(),
            "postgresql": find_postgres().major,
            "redis": find_redis().name,
        },
        "settings": "PostgreSQL's own defaults (fsync on), one web process, one worker, the service's own defaults",
    }


def commit() -> str:
    """Return the short commit, marked when the tree has changes."""
    return _git("rev-parse", "--short=10", "HEAD") + ("-changed" if _git("status", "--porcelain", "-uno") else "")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or ("" if done.returncode == 0 else "unknown")


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
