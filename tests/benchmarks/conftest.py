"""A stack for the smoke tests: its figures mean nothing, so it need not be durable."""

import pytest

from benchmarks.stack import running


@pytest.fixture(scope="module")
def bench_stack():
    """Servers and tables; each benchmark arranges the rest."""
    with running(durable=False) as stack:
        yield stack
