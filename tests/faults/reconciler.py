"""`manage.py reconcile` again and again, without starting Python for each: a third of a run's CPU time.

As a program: for each line that it reads, a line of JSON with the exit code and what was printed.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping

from tests.stack import ROOT


class Reconciler:
    """A process that reconciles one database whenever it is asked."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.reconciler"],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self) -> tuple[int, str]:
        """Return the exit code of `manage.py reconcile`, and what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("now\n")
        self._process.stdin.flush()
        code, said = json.loads(self._process.stdout.readline())
        return code, said

    def stop(self) -> None:
        """End the process: it reads the end of its input."""
        self._process.communicate(timeout=10)


def _serve() -> None:
    import django
    from django.core.management import CommandError, call_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for _ in sys.stdin:
        said, code = io.StringIO(), 0
        try:
            call_command("reconcile", stdout=said)
        except CommandError as error:
            code = error.returncode
            said.write(str(error))
        print(json.dumps([code, said.getvalue()]), flush=True)


if __name__ == "__main__":
    _serve()
