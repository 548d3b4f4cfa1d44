"""What tests share: an account to send with, and (in `tests.stack`) the whole service as real processes."""

import pytest
from django.db import connection
from hypothesis import settings

import config.celery  # noqa: F401  (nudges must find the broker of the tests)
from sms.routing import snapshot
from sms.services import authenticate
from tests.accounts import make_caller

pytest_plugins = ["tests.stack"]

# Machines are shared: no property is timed.
settings.register_profile("tests", deadline=None)
settings.register_profile("long", deadline=None)
settings.load_profile("tests")


@pytest.fixture
def caller(transactional_db):
    """An account that may send as MyCorp, with STOP blocked."""
    return make_caller("tests")


@pytest.fixture(autouse=True)
def _nothing_remembered():
    authenticate.forget()
    snapshot.begin_anew()


@pytest.fixture(scope="session", autouse=True)
def _database_threads_let_go(django_db_setup, django_db_blocker):
    """The pool's threads keep their connections, and a database in use cannot be dropped."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
