"""What was logged before anybody looked."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest

from appliance.trace.past import MOST, Past, Remembered, parsed
from shell.trace.choice import Choice, matcher

AT = 1764068400.0  # 2025-11-25 11:00:00 UTC
CALL = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture(autouse=True)
def zurich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Zurich")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def past(now: list[float], **limits: float) -> Past:
    return Past(now=lambda: now[0], **limits)  # type: ignore[arg-type]


def test_a_line_of_ours_is_read_and_others_belong_to_it() -> None:
    text = (
        f"2025-11-25 12:00:00.250 WARNING router: call {CALL}: Berta rings\n"
        "Traceback (most recent call last):\n"
        "2025-11-25 12:00:01.000 CRITICAL router: the end"
    )
    first, second, third = parsed("router", text, AT + 2)
    assert (first.at, first.level, first.group, first.call) == (AT + 0.25, "warning", "log", CALL)
    assert first.text == f"call {CALL}: Berta rings"
    assert (second.at, second.level, second.text) == (
        AT + 0.25,
        "warning",
        "Traceback (most recent call last):",
    )
    assert (third.at, third.level, third.call) == (AT + 1, "error", "")


@pytest.mark.parametrize(
    "line", ["plain", "2025-99-99 12:00:00.250 INFO router: x", "", "2025-11-25 12:00:00.250 x"]
)
def test_any_line_is_read_somehow(line: str) -> None:
    for record in parsed("media", line, AT):
        assert record.at == pytest.approx(AT, abs=1)


def test_in_the_hour_that_there_is_twice_the_arrival_decides() -> None:
    for arrived in (1761438600.0, 1761442200.0):  # 02:30 summer time and winter time, 26 October 2025
        (record,) = parsed("web", "2025-10-26 02:30:00.000 INFO web: x", arrived + 0.5)
        assert record.at == arrived


def test_a_secret_in_the_log_does_not_get_out() -> None:
    (record,) = parsed("web", "2025-11-25 12:00:00.250 INFO web: password=verysecret", AT)
    assert "verysecret" not in record.text


def test_the_past_is_what_was_written_since_and_is_wanted() -> None:
    now = [AT]
    kept = past(now)
    kept.add("web", "old")
    now[0] += 50
    kept.add("media", "2025-11-25 12:00:50.000 ERROR media: bad\n2025-11-25 12:00:50.000 INFO media: good")
    now[0] += 20
    kept.add("web", "too late")
    assert [record.text for record in kept.records(AT - 60, now[0])] == ["old", "bad", "good", "too late"]
    assert [record.text for record in kept.records(AT + 40, now[0] - 1)] == ["bad", "good"]
    errors = matcher(Choice(level="error"))
    assert [record.text for record in kept.records(AT - 60, now[0], errors)] == ["bad"]


def test_the_past_is_bounded_in_time_and_in_size() -> None:
    now = [AT]
    kept = past(now, kept_s=60, kept_characters=1000)
    kept.add("web", "first")
    now[0] += 61
    kept.add("web", "second")
    assert [record.text for record in kept.records(0, now[0])] == ["second"]
    for number in range(100):
        kept.add("web", f"{number:03d} {'x' * 95}")
    assert [record.text[:3] for record in kept.records(0, now[0])] == [
        f"{number:03d}" for number in range(90, 100)
    ]
    kept.add("web", "y" * 10_000)
    assert [len(record.text) for record in kept.records(0, now[0])] == [1000]


def test_only_the_newest_are_given() -> None:
    now = [AT]
    kept = past(now)
    kept.add("web", "\n".join(str(number) for number in range(MOST + 10)))
    found = kept.records(0, AT)
    assert len(found) == MOST
    assert found[-1].text == str(MOST + 9)


def test_our_own_log_is_remembered_and_still_written() -> None:
    out, now = io.StringIO(), [AT]
    kept = past(now)
    stream = Remembered(out, kept, "supervisor")
    stream.write("2025-11-25 12:00:00.000 INFO supervisor: hello\n")
    assert out.getvalue() == "2025-11-25 12:00:00.000 INFO supervisor: hello\n"
    assert [record.text for record in kept.records(0, AT)] == ["hello"]
