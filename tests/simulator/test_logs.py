"""The simulator's log has no text and no number, whoever writes it."""

import io
import logging

import pytest

from simulator.logs import Formatter, Handler
from tests.privacy import NUMBER, TEXT, found_in


def written(say):
    """Return what the simulator's handler writes."""
    stream = io.StringIO()
    handler = Handler(stream)
    handler.setFormatter(Formatter())
    log = logging.getLogger("tests.of.the.simulator")
    log.addHandler(handler)
    log.propagate = False
    try:
        say(log)
    finally:
        log.removeHandler(handler)
        log.propagate = True
    return stream.getvalue()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"to={NUMBER} status=401", "to=23320*****43 status=401"),
        (f"to={NUMBER[1:]}", "to=23320*****43"),
        ("to=1234567", "to=1****67"),
        ("reference=sim-1c9af3d0b7e84c52a1f06d3e9b24c875 port=42487", None),
        (f"first\n{TEXT}", "first"),
    ],
)
def test_numbers_are_masked_and_references_stay(said, shown):
    """Only the first line counts."""
    line = written(lambda log: log.warning(said))
    assert line.partition(" WARNING tests.of.the.simulator ")[2] == f"{shown or said}\n"


def test_an_error_is_told_by_its_type_and_place():
    """Its words may quote a message, also where the line repeats them."""
    error = ValueError(f"{TEXT} {NUMBER}")
    shown = written(lambda log: log.error("failed: %r", error, exc_info=error))
    assert shown.partition(" ERROR ")[2] == "tests.of.the.simulator failed: ValueError\nValueError\n"

    def fail(log):
        try:
            raise error
        except ValueError:
            log.exception("failed")

    shown = written(fail)
    assert "raise error" in shown
    assert found_in(shown, number=NUMBER, text=TEXT) == []


def test_a_record_that_cannot_be_written_tells_only_whose_it_was():
    """Logging itself would print its arguments."""
    shown = written(lambda log: log.error("%d", TEXT))
    assert shown == "a record of tests.of.the.simulator could not be written\n"
