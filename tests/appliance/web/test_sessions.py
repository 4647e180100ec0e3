"""Sessions in memory: found by token only, over when idle, few enough to keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web.sessions import FormKeys, Session, Sessions, new_token


def session(user: str = "admin", active: float = 0.0) -> Session:
    return Session(user, "", frozenset({"administrator"}), "192.0.2.7", active)


def test_a_session_is_found_by_its_token_and_by_nothing_else():
    sessions = Sessions()
    token = sessions.open(session())
    assert sessions.find(token, 0, 60) == session()
    for other in ("", token[:-1], token + "x", "é", "\udcff"):
        assert sessions.find(other, 0, 60) is None


def test_the_token_itself_is_not_in_memory():
    sessions = Sessions()
    token = sessions.open(session())
    assert token not in repr(sessions)


@given(st.floats(0, 1e6), st.floats(0.1, 1e6))
def test_a_session_is_over_exactly_when_it_was_idle_for_the_limit(idle, limit):
    sessions = Sessions()
    token = sessions.open(session())
    assert (sessions.find(token, idle, limit) is None) == (idle >= limit)


def test_a_session_that_is_over_does_not_come_back():
    sessions = Sessions()
    token = sessions.open(session())
    assert sessions.find(token, 60, 60) is None
    assert sessions.find(token, 0, None) is None
    assert len(sessions) == 0


def test_a_touch_begins_the_idle_time_anew():
    sessions = Sessions()
    token = sessions.open(session())
    sessions.touch(token, 50)
    assert sessions.find(token, 109, 60) is not None
    sessions.touch("nobody's", 50)
    assert len(sessions) == 1


def test_a_closed_session_is_gone():
    sessions = Sessions()
    token = sessions.open(session())
    assert sessions.close(token) == session()
    assert sessions.close(token) is None
    assert sessions.find(token, 0, None) is None


def test_when_there_are_too_many_the_longest_idle_makes_room():
    sessions = Sessions(limit=3)
    tokens = [sessions.open(session(active=active)) for active in (5.0, 1.0, 9.0)]
    newest = sessions.open(session(active=10.0))
    assert [sessions.find(token, 10, None) is not None for token in [*tokens, newest]] == [
        True,
        False,
        True,
        True,
    ]


def test_tokens_have_256_bits_and_do_not_repeat():
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert min(map(len, tokens)) >= 43


@pytest.mark.parametrize(("cookie", "field"), [(None, "x"), ("x", None), ("", ""), ("a", ""), ("a", "é")])
def test_a_form_key_fits_only_its_cookie(cookie, field):
    keys = FormKeys()
    assert not keys.fits(cookie, field)
    assert keys.fits("a", keys.of("a"))
    assert not keys.fits("b", keys.of("a"))
    assert not keys.fits("a", FormKeys().of("a"))
