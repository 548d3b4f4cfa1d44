"""What the REST tests share."""

import pytest

from tests.accounts import make_caller
from tests.rest_api.http import KEY


@pytest.fixture
def account(transactional_db):
    """An account that may do everything, with KEY."""
    return make_caller("rest", key=KEY)
