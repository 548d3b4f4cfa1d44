"""A private Valkey, or Redis."""

import secrets
from dataclasses import dataclass, field
from typing import ClassVar

from devstack.processes import Child
from devstack.programs import find_redis
from devstack.servers import Server, write_private


@dataclass(eq=False, kw_only=True)
class Redis(Server):
    """A Valkey or Redis on loopback with a password. Keeps nothing over a restart."""

    name: ClassVar[str] = "redis"

    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def url(self) -> str:
        """For REDIS_URL."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _make_child(self) -> Child:
        configuration = self.directory / "redis.conf"
        # A file, because everybody on the machine can read a command line.
        write_private(configuration, self._configuration())
        return Child("redis", [find_redis(), configuration], log=self.log)

    def _configuration(self) -> str:
        folder = str(self.directory.absolute()).replace("\\", "\\\\").replace('"', '\\"')
        return "\n".join(
            [
                f"port {self.port}",
                "bind 127.0.0.1",
                f"requirepass {self.password}",
                f'dir "{folder}"',
                "save ''",
                "appendonly no",
                "maxmemory-policy noeviction",
                "hz 1",  # chores a second; ten are a tenth of what an idle stack uses
                "daemonize no",
                "loglevel notice",
                "logfile ''",
                "",
            ]
        )

    def _is_ready(self, child: Child) -> bool:
        # Its own word for it. A connection would be no proof: on a port that nobody listens on yet, one from this
        # machine can meet itself.
        return "Ready to accept connections" in child.log_tail(200)
