"""The whole service with two routes, each to a simulator of its own: real processes, all of them."""

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager

from devstack.processes import free_port
from tests.simulator.process import Simulator
from tests.stack import ROOT, Stack, fresh_database, fresh_redis

REDIS_DATABASE = 7


class RoutedStack(Stack):
    """Live texts go by the routes "one" and "two"; test messages to the stack's own simulator, as everywhere."""

    def __init__(self, directory, **settings):
        super().__init__(directory, **settings)
        self.secrets = {name: f"secret-of-the-route-{name}" for name in ("one", "two")}
        self.simulators = {
            name: Simulator(
                directory,
                webhook_url=f"{self.url}/api/webhooks/{name}/status/",
                DLR_SIGNING_SECRETS=secret,
                SIMULATOR_PORT=str(free_port()),
            )
            for name, secret in self.secrets.items()
        }

    def _environment(self, settings):
        environment = super()._environment(settings)
        secrets = {f"SECRET_{name.upper()}": f"secret-of-the-route-{name}" for name in ("one", "two")}
        return environment | {"PUBLIC_URL": self.url} | secrets

    def routes(self, *words):
        """Run `manage.py routes`, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", "routes", *map(str, words)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def add(self, name):
        """Add the route to one of the simulators."""
        self.routes(
            *("add", name, "--kind", "simulator", "--option", f"url={self.simulators[name].url}"),
            *("--secret", f"signing_secrets=env:SECRET_{name.upper()}", "--reason", "a test"),
        )


@contextmanager
def running(directory):
    """Start it, and stop all of it at the end."""
    urls = {"DATABASE_URL": fresh_database("stack_routes"), "REDIS_URL": fresh_redis(REDIS_DATABASE)}
    with ExitStack() as at_the_end:
        stack = RoutedStack(directory, **urls, LOG_LEVEL=os.environ.get("ROUTED_LOG_LEVEL", "INFO"))
        at_the_end.callback(stack.stop)
        for simulator in stack.simulators.values():
            at_the_end.enter_context(simulator)
        stack.start()
        for name in stack.simulators:
            stack.add(name)
        yield stack
