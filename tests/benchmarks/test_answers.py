"""The load generator sees where an answer ends, however it arrives."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.answers import Answer, AnswerParser, NotUnderstood

WHOLE = b'HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\nContent-Length: 13\r\n\r\n{"stored": 1}'


def test_an_answer_in_one_piece():
    """Status and body are taken from the bytes as they came."""
    assert AnswerParser().feed(WHOLE) == Answer(202, b'{"stored": 1}')


@given(cuts=st.sets(st.integers(1, len(WHOLE) - 1)))
def test_an_answer_in_any_pieces(cuts):
    """Only the last piece completes it."""
    parser = AnswerParser()
    edges = [0, *sorted(cuts), len(WHOLE)]
    answers = [parser.feed(WHOLE[start:end]) for start, end in pairwise(edges)]
    assert answers == [None] * len(cuts) + [Answer(202, b'{"stored": 1}')]


def test_one_parser_takes_one_answer_after_the_other():
    """Nothing of the first is left for the second."""
    parser = AnswerParser()
    assert parser.feed(WHOLE[:-1]) is None
    assert parser.feed(WHOLE[-1:]) == parser.feed(WHOLE) == Answer(202, b'{"stored": 1}')


def test_an_empty_body():
    """The answer is complete with its head."""
    assert AnswerParser().feed(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n") == Answer(503, b"")


@pytest.mark.parametrize(
    "received",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-content-length: 3\r\n\r\nabc",
        WHOLE + b"H",
    ],
)
def test_what_cannot_be_measured_is_refused(received):
    """An answer without a length, or two for one request, is no figure."""
    with pytest.raises(NotUnderstood):
        AnswerParser().feed(received)
