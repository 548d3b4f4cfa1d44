"""The stacks that the short set shares."""

import itertools

import pytest

from tests.faults.stack import running


@pytest.fixture(scope="module")
def fault_stack(tmp_path_factory):
    """Servers of its own, two workers, every link direct."""
    # Shorter waits than in `make faults`; nothing else differs.
    waits = {"LEASE_SECONDS": "2", "PROVIDER_TIMEOUT": "1", "LOOK_UP_AFTER": "1"}
    with running(tmp_path_factory.mktemp("faults"), **waits) as stack:
        yield stack


@pytest.fixture(scope="session")
def run_numbers():
    """Numbers for runs, so that no two on one stack are alike."""
    return itertools.count(1)
