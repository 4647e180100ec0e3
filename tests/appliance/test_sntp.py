"""One question to a time server: the server is ours and on loopback, and may be as bad as it likes."""

from __future__ import annotations

import random
import socket
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.sntp import SntpError, TimeServers, is_reply, question, read
from tests.fakes.sntp_server import FakeSntpServer, reply

HERE = "127.0.0.1"
NONCE = b"\1\2\3\4\5\6\7\10"
ASKED = question(NONCE)
SEED = 20261122


def test_the_question_is_a_client_of_version_4_and_tells_nothing_of_our_clock() -> None:
    assert len(ASKED) == 48
    assert (ASKED[0] >> 6, ASKED[0] >> 3 & 7, ASKED[0] & 7) == (0, 4, 3)
    assert ASKED[1:40] == bytes(39)
    assert ASKED[40:] == NONCE


@given(st.floats(-1e8, 1e8), st.floats(0, 2))
def test_the_offset_is_that_of_the_servers_clock_whatever_way_the_packets_took(
    ahead: float, elapsed: float
) -> None:
    """Half of the way each: the error is half of the round trip at most."""
    sent = 1_800_000_000.0
    answer = read(reply(ASKED, sent + elapsed / 2 + ahead), sent, elapsed)
    assert answer.offset_s == pytest.approx(ahead, abs=1e-3)
    assert answer.delay_s == pytest.approx(elapsed, abs=1e-3)
    assert answer.stratum == 2


@pytest.mark.parametrize("at", [1_577_836_800.0, 2_085_978_495.0, 2_085_978_497.0, 4_000_000_000.0])
def test_times_are_read_past_the_end_of_the_ntp_era_in_2036(at: float) -> None:
    assert read(reply(ASKED, at), 0.0, 0.0).offset_s == pytest.approx(at, abs=1e-3)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (reply(ASKED, 1.8e9, stratum=0, reference=b"RATE"), r"refuses to answer \(RATE\)"),
        (reply(ASKED, 1.8e9, stratum=0, reference=b"\x1b[2J"), r"refuses to answer \(no reason given\)"),
        (reply(ASKED, 1.8e9, stratum=16), "not in step with any clock itself"),
        (reply(ASKED, 1.8e9, leap=3), "not in step with any clock itself"),
        (reply(ASKED, 1.8e9)[:40] + bytes(8), "has no time in it"),
    ],
)
def test_a_server_without_the_time_is_no_time(bad: bytes, says: str) -> None:
    assert is_reply(bad, NONCE)
    with pytest.raises(SntpError, match=says):
        read(bad, 1.8e9, 0.01)


def test_only_an_answer_to_our_own_question_is_one() -> None:
    good = reply(ASKED, 1.8e9)
    assert is_reply(good, NONCE)
    assert is_reply(good + b"an extension", NONCE)
    assert not is_reply(good[:47], NONCE)
    assert not is_reply(good, NONCE[::-1])
    assert not is_reply(ASKED, NONCE)
    assert not is_reply(b"", NONCE)


def test_no_bytes_do_any_harm() -> None:
    chance = random.Random(SEED)
    for _ in range(20_000):
        data = bytearray(reply(ASKED, 1.8e9))
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = bytes(data[: chance.choice((48, 48, 48, chance.randrange(49)))])
        if is_reply(cut, NONCE):
            with suppress(SntpError):
                read(cut, 1.8e9, 0.01)


@pytest.mark.parametrize("ahead", [0.0, 3600.0, -86400.0 * 365])
async def test_a_server_is_asked_once_and_tells_how_far_we_are_off(ahead: float) -> None:
    async with FakeSntpServer(ahead) as server:
        answer = await TimeServers(server.port).ask(HERE)
    assert answer.offset_s == pytest.approx(ahead, abs=1.0)
    assert len(server.asked) == 1


async def test_what_answers_no_question_of_ours_is_passed_over() -> None:
    async with FakeSntpServer() as server:
        server.answers = lambda asked: [
            b"",
            b"junk",
            ASKED,
            reply(ASKED, 0.0),
            reply(asked, time.time() + 60),
        ]
        answer = await TimeServers(server.port).ask(HERE)
    assert answer.offset_s == pytest.approx(60, abs=1.0)


async def test_a_flood_of_junk_is_given_up() -> None:
    async with FakeSntpServer() as server:
        server.answers = lambda _: [b"junk"] * 100
        with pytest.raises(SntpError, match="something else than the time"):
            await TimeServers(server.port).ask(HERE)


async def test_a_silent_server_is_given_up_after_the_limit() -> None:
    async with FakeSntpServer() as server:
        server.answers = lambda _: []
        began = time.monotonic()
        with pytest.raises(SntpError, match=r"no answer within 0\.3 s"):
            await TimeServers(server.port, within=0.3).ask(HERE)
        assert time.monotonic() - began < 2
    assert TimeServers()._within == 2.0


async def test_a_port_where_nobody_listens_is_said_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))
        port = sock.getsockname()[1]
    with pytest.raises(SntpError, match="refused"):
        await TimeServers(port).ask(HERE)


async def test_a_name_that_cannot_be_resolved_is_said() -> None:
    with pytest.raises(SntpError, match="cannot be resolved"):
        await TimeServers().ask("a" * 64 + ".invalid")
