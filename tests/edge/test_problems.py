"""Every refusal of the domain has its place in HTTP."""

import pytest

from edge import problems
from sms import errors
from sms.errors import SmsError


def leaves(kind):
    """All classes below one that the domain can raise."""
    below = kind.__subclasses__()
    return [kind, *(one for sub in below for one in leaves(sub))]


@pytest.mark.parametrize(
    "kind", [one for one in leaves(SmsError) if one.__module__ == errors.__name__ and one is not SmsError]
)
def test_every_refusal_has_a_status(kind):
    """A new kind of refusal cannot be forgotten: it would be a server error."""
    assert kind in problems.STATUS
