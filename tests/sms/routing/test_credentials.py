"""The secrets of routes at rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.credentials import CannotDecrypt, Safe

OLD, NEW = "the first key of the tests", "the second key of the tests"
SECRETS = {"api_key": "k-123456", "password": "päss\nword"}


@given(secrets=st.dictionaries(st.text(), st.text()))
def test_what_is_put_in_comes_out(secrets):
    """Whatever the operator wrote."""
    assert Safe([OLD]).decrypt(Safe([OLD]).encrypt(secrets)) == secrets


def test_what_is_stored_shows_nothing_and_differs_each_time():
    """Nobody sees that two routes have the same secret."""
    one, other = Safe([OLD]).encrypt(SECRETS), Safe([OLD]).encrypt(SECRETS)
    assert one != other
    assert b"k-123456" not in one
    assert Safe([OLD]).encrypt({}) == b""


def test_a_key_is_changed_without_a_pause():
    """The new one in front reads what the old one wrote; after the rotation the old one can go."""
    stored = Safe([OLD]).encrypt(SECRETS)
    both = Safe([NEW, OLD])
    assert both.decrypt(memoryview(stored)) == SECRETS
    rotated = both.rotate(stored)
    assert Safe([NEW]).decrypt(rotated) == SECRETS
    with pytest.raises(CannotDecrypt):
        Safe([OLD]).decrypt(rotated)


def test_a_wrong_key_is_said_without_the_secret():
    """And so is what was changed on the disk."""
    stored = Safe([OLD]).encrypt(SECRETS)
    for keys, bytes_ in (([NEW], stored), ([OLD], stored[:-1] + b"A"), ([OLD], b"nonsense"), ([OLD], stored[1:])):
        with pytest.raises(CannotDecrypt, match="put that one back into CREDENTIALS_KEYS") as refused:
            Safe(keys).decrypt(bytes_)
        assert "k-123456" not in str(refused.value)
        assert refused.value.__cause__ is None
