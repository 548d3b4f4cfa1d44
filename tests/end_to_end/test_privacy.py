"""Canaries sent through every door and into every error: none is in a log, or in an answer where it should not be.

All logs are looked at: of web, worker, beat, simulator, PostgreSQL and Redis, at the level that tells most.
"""

import pytest

from tests.end_to_end.watched import PARTS, Watched, send_canaries
from tests.privacy import NUMBER, TEXT, found_in


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def watched(request, tmp_path_factory):
    """The service after canaries were sent through all doors."""
    found = Watched(tmp_path_factory.mktemp(f"watched_{request.param}"), request.param)
    try:
        send_canaries(found)
        yield found
    finally:
        found.remove()


@pytest.mark.parametrize("part", PARTS)
def test_no_log_has_a_canary(watched, part):
    """Neither the number, nor the text, nor a secret; while what went wrong is told, with its place."""
    said = watched.logs()[part]
    assert found_in(said, number=NUMBER, text=TEXT) == []
    assert [secret for secret in watched.secrets() if secret in said] == []
    assert [line for line in said.splitlines() if "233200000914" in line] == []


def test_the_errors_were_told(watched):
    """Else an empty log would be a good one."""
    said = watched.logs()
    for words in ("request_failed", "messages_failed", "CheckViolation: 23514", "Traceback"):
        assert words in said["web"], words
    for words in ("receipt_failed", "DataException: 22000", "Traceback"):
        assert words in said["worker"], words
    assert "receipt_refused" in said["simulator"]
    assert all(said[part] for part in PARTS)


only_uvicorn = pytest.mark.parametrize("watched", ["uvicorn"], indirect=True)


@only_uvicorn
def test_a_task_that_failed_was_told(watched):
    """In Celery's words, but for those of the error."""
    said = watched.logs()["worker"]
    assert "raised unexpected: ***" in said
    assert "CheckViolation: 23514 no" in said


@only_uvicorn
def test_what_an_operator_sees_has_no_canary(watched):
    """Numbers are masked also in what providers sent; its own words, as `receipts show` is there to show them, stay."""
    said = "\n".join(watched.printed)
    assert "+23320*****43" in said
    assert found_in(said, number=NUMBER) == []
    assert [secret for secret in watched.secrets() if secret in said] == []


def test_no_answer_has_a_secret_and_no_failure_a_canary(watched):
    """A caller's own data are shown to the caller; where something failed on our side, nothing is."""
    for answer in watched.answers:
        body = answer if isinstance(answer, str) else answer.body.decode(errors="replace")
        assert [secret for secret in watched.secrets() if secret in body] == []
        if not isinstance(answer, str) and answer.status >= 500:
            assert found_in(body, number=NUMBER, text=TEXT) == []


def test_a_stranger_is_told_nothing(watched):
    """Neither what another account sent, nor that it did."""
    answers = watched.strangers_answers
    assert [one.status for one in answers[:-1]] == [404, 404, 202, 500, 200, 200]
    assert answers[4].json()["data"] == {"message": None}
    assert answers[5].json()["data"]["cancelMessage"]["code"] == "MESSAGE_NOT_FOUND"
    assert "MESSAGE_NOT_FOUND" in answers[6]
    for answer in answers:
        body = answer if isinstance(answer, str) else answer.body.decode()
        assert found_in(body, number=NUMBER, text=TEXT) == []
