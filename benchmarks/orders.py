"""A Python module in a process of its own that takes an order a line and answers each with a line."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from devstack.checkout import ROOT


class Ordered:
    """A process that ends when we do: its stdin does."""

    def __init__(self, module: str, plan: Mapping[str, object]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=os.environ,
            text=True,
        )
        self.hello = self._read()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def do(self, **order: object) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        self.begin(**order)
        return self._read()

    def begin(self, **order: object) -> None:
        """Give an order without waiting; `finish` has to follow."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        """Wait for the answer to the order that was begun."""
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended: {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
