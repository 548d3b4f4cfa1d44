"""Every setting is in .env.example, in docker-compose.yml where it matters, and refused clearly when it is wrong."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = {
    "PATH": os.environ["PATH"],
    "DATABASE_URL": "postgres://u:p@127.0.0.1:1/d",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "0123456789abcdef",
    "DLR_SIGNING_SECRETS": "one,two",
}


def names_in_code():
    """Every name that the service or the simulator reads from the environment."""
    code = "".join((ROOT / name).read_text() for name in ("config/env.py", "simulator/settings.py"))
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', code))


def test_the_example_lists_every_setting():
    """.env.example names each setting once, and none that nobody reads."""
    listed = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == names_in_code()


def boot(command="import config.settings", **changes):
    """Read the settings as a process does at its start."""
    given = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_good_settings_boot():
    """The four required settings are enough."""
    assert boot().returncode == 0


def test_a_wrong_network_is_told_with_its_fault():
    """Which of the list, and what may be meant."""
    assert "is 10.0.0.0/8 meant, or 10.0.0.1?" in boot(TRUSTED_PROXIES="192.0.2.1,10.0.0.1/8").stderr


def test_a_list_may_be_empty():
    """Then nobody is in it."""
    assert boot(TRUSTED_PROXIES="", ADMIN_NETWORKS="").returncode == 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DATABASE_URL": None}, "DATABASE_URL"),
        ({"REDIS_URL": ""}, "REDIS_URL"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DLR_SIGNING_SECRETS": None}, "DLR_SIGNING_SECRETS"),
        ({"DLR_SIGNING_SECRETS": "one,,two"}, "DLR_SIGNING_SECRETS"),
        ({"PORT": "http"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"PROVIDER_TIMEOUT": "0"}, "PROVIDER_TIMEOUT"),
        ({"DEFAULT_REGION": "XX"}, "DEFAULT_REGION"),
        ({"LEASE_SECONDS": "10"}, "LEASE_SECONDS"),
        ({"SMS_FAULT": "everything"}, "SMS_FAULT"),
        ({"GRAPHQL_COST_LIMIT": "0"}, "GRAPHQL_COST_LIMIT"),
        ({"GRAPHQL_INTROSPECTION": "perhaps"}, "GRAPHQL_INTROSPECTION"),
        ({"GRAPHQL_TRUSTED_ONLY": "true"}, "GRAPHQL_TRUSTED_DOCUMENTS"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES"),
        ({"ADMIN_NETWORKS": "127.0.0.1,home"}, "ADMIN_NETWORKS"),
        ({"ANONYMOUS_ACCOUNT": "demo"}, "ANONYMOUS_ACCOUNT"),
        ({"ANONYMOUS_ACCOUNT": "demo", "DEBUG": "true", "HOST": "0.0.0.0"}, "HOST"),
    ],
)
def test_a_wrong_setting_stops_the_boot_with_its_name(changes, named):
    """An operator reads which setting is wrong, and no stack trace."""
    done = boot(**changes)
    assert done.returncode != 0
    assert named in done.stderr
    assert ".env.example" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {"ANONYMOUS_ACCOUNT": "demo", "DEBUG": "true"},
        {"ANONYMOUS_ACCOUNT": "demo", "DEBUG": "true", "HOST": "::1"},
        {"ANONYMOUS_ACCOUNT": "demo", "DEBUG": "true", "HOST": "0.0.0.0", "RUNS_IN_DOCKER": "true"},
    ],
)
def test_requests_without_a_key_are_possible_where_only_this_machine_can_ask(changes):
    """On loopback, or where Docker publishes the port."""
    assert boot(**changes).returncode == 0


@pytest.mark.parametrize(
    ("changes", "suggestions", "ide"),
    [
        ({}, True, True),
        ({"GRAPHQL_SUGGESTIONS": "false", "GRAPHQL_IDE": "false"}, False, False),
        ({"GRAPHQL_INTROSPECTION": "false"}, False, True),
        ({"GRAPHQL_TRUSTED_ONLY": "true", "GRAPHQL_TRUSTED_DOCUMENTS": "somewhere"}, True, False),
    ],
)
def test_what_is_of_no_use_without_another_is_off_with_it(changes, suggestions, ide):
    """No suggestions for who may not read the schema, no page for documents that may not be run."""
    command = "from config import settings as s; print(s.SMS_GRAPHQL_SUGGESTIONS, s.SMS_GRAPHQL_IDE)"
    assert boot(command, **changes).stdout.split() == [str(suggestions), str(ide)]
