"""The four processes of the service, and whether they are ready together."""

import http.client
import json
import sys
from collections.abc import Mapping

from devstack.checkout import LOGS, ROOT
from devstack.processes import Child
from devstack.settings import reachable_host

# The same commands as in docker-compose.yml; every option of theirs lives in the settings.
PREPARE = ("manage.py", "prepare")
COMMANDS = {
    "simulator": ("-m", "simulator"),
    "web": ("-m", "config.serve"),
    "worker": ("-m", "config.worker"),
    "beat": ("-m", "config.beat"),
}

# The names that /readyz uses, those first that the others depend on.
LOG_OF = {"postgresql": "postgres", "redis": "redis", "worker": "worker", "beat": "beat"}


def python_child(name: str, words: tuple[str, ...], *, env: Mapping[str, str]) -> Child:
    """Make a child that runs Python in the checkout, with its output in `.dev/logs/<name>.log`."""
    return Child(name, [sys.executable, *words], log=LOGS / f"{name}.log", env=env, cwd=ROOT)


def ask_ready(settings: Mapping[str, str]) -> tuple[int | None, str]:
    """Return what GET /readyz says: status and body; no status when nobody answers."""
    # Not urllib: it would go through the proxy of the environment.
    connection = http.client.HTTPConnection(reachable_host(settings["HOST"]), int(settings["PORT"]), timeout=2)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read(20_000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return None, f"no answer ({error})"
    finally:
        connection.close()


def blame(body: str) -> str:
    """Name the process whose log is worth reading: the first that /readyz complains about, else the web server."""
    try:
        complaints = json.loads(body)["not_ready"]
    except (ValueError, TypeError, KeyError):
        complaints = ()
    return next((LOG_OF[name] for name in LOG_OF if name in complaints), "web")
