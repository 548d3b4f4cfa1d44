"""Websocket frames, held against the library that the service is served by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from benchmarks.live.frames import TEXT, FrameParser, encode

SIZES = [0, 1, 125, 126, 65_535]


@pytest.mark.parametrize("size", SIZES)
def test_what_we_send_is_a_masked_frame_to_the_library(size):
    """Each way of writing the length."""
    reader = StreamReader()
    reader.feed_data(encode(b"x" * size))
    parsed = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as done:
        next(parsed)
    assert done.value.value == Frame(Opcode.TEXT, b"x" * size)


@given(pieces=st.integers(1, 50), size=st.sampled_from([*SIZES, 65_536]))
def test_what_the_library_sends_is_understood_in_any_pieces(pieces, size):
    """Two frames, cut anywhere."""
    sent = Frame(Opcode.TEXT, b"y" * size).serialize(mask=False) * 2
    step = max(1, len(sent) // pieces)
    parser = FrameParser()
    received = [frame for at in range(0, len(sent), step) for frame in parser.feed(sent[at : at + step])]
    assert received == [(TEXT, b"y" * size)] * 2
