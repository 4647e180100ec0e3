"""Lines, requests and the outbox: pure parts of the control socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control import protocol
from appliance.control.outbox import Outbox
from appliance.control.protocol import MAX_LINE, RefusedError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values))
def test_a_message_comes_back_as_it_went(message: dict[str, object]) -> None:
    line = protocol.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert protocol.decode(line) == message


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    try:
        message = protocol.decode(data)
        request = protocol.request_of(message)
    except RefusedError:
        return
    assert isinstance(request.name, str)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"a":NaN}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'"status"',
        b"\xff",
        b"null",
        b'{"request":3}',
    ],
    ids=["deep", "NaN", "long number", "text", "not UTF-8", "null", "number as name"],
)
def test_what_is_not_a_request_is_refused_in_words(line: bytes) -> None:
    with pytest.raises(RefusedError):
        protocol.request_of(protocol.decode(line))


def test_a_line_is_bounded() -> None:
    assert len(protocol.encode({"a": "x" * (MAX_LINE - 20)})) <= MAX_LINE
    with pytest.raises(RefusedError, match="longer than a line"):
        protocol.encode({"a": "x" * MAX_LINE})


def test_missing_arguments_are_named() -> None:
    with pytest.raises(RefusedError, match='"service" must be text'):
        protocol.Request("restart", {}).text("service")
    with pytest.raises(RefusedError, match='"facts" must be an object'):
        protocol.Request("ready", {"facts": 3}).table("facts")


def test_a_full_outbox_drops_events_keeps_replies_and_says_how_many_were_lost() -> None:
    box = Outbox(max_lines=2)
    for n in range(5):
        box.offer(protocol.event("call", {"n": n}))
    box.keep(protocol.reply(1, "kept"))
    first = box.take()
    assert [json.loads(line).get("data") for line in first.splitlines()] == [{"n": 0}, {"n": 1}, None]
    box.offer(protocol.event("call", {"n": 5}))
    told, event = (json.loads(line) for line in box.take().splitlines())
    assert told == {"event": "dropped", "data": {"count": 3}}
    assert event["data"] == {"n": 5}


def test_an_outbox_is_bounded_in_bytes_too() -> None:
    box = Outbox(max_bytes=1000)
    for _ in range(100):
        box.offer(b"x" * 99 + b"\n")
    assert len(box.take()) == 1000
    box.offer(b"again\n")
    assert b'"count":90' in box.take()
