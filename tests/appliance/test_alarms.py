"""The last warnings and errors, for System Information: kept however long ago, and never with a secret."""

from __future__ import annotations

from appliance.machine import alarms
from appliance.trace.past import ALARMS, Past

LINE = "2026-11-22 10:00:{:02d}.000 {} web: {}"


def past_of(*lines: str) -> Past:
    past = Past()
    past.add("web", "\n".join(lines))
    return past


def test_warnings_and_errors_are_kept_and_the_rest_is_not() -> None:
    past = past_of(
        LINE.format(1, "INFO", "ready, no ERROR"),
        LINE.format(2, "WARNING", "nearly full"),
        LINE.format(3, "ERROR", "it fell over"),
        "Traceback (most recent call last):",
        '  File "x.py", line 1',
    )
    assert [(each.level, each.text) for each in past.alarms] == [
        ("warning", "nearly full"),
        ("error", "it fell over"),
    ]


def test_they_outlive_the_minutes_of_the_past_and_are_bounded() -> None:
    now = [1000.0]
    past = Past(now=lambda: now[0])
    past.add("web", LINE.format(1, "ERROR", "long ago"))
    now[0] += 86400
    past.add("web", LINE.format(2, "INFO", "today"))
    assert [each.text for each in past.records(0, now[0] + 1)] == ["today"]
    assert [each.text for each in past.alarms] == ["long ago"]
    for number in range(2 * ALARMS):
        past.add("web", LINE.format(number, "ERROR", f"number {number}"))
    assert len(past.alarms) == ALARMS
    assert past.alarms[-1].text == f"number {2 * ALARMS - 1}"


def test_the_newest_comes_first_and_secrets_are_masked() -> None:
    past = past_of(*(LINE.format(number, "ERROR", f"password=hush{number}") for number in range(9)))
    shown = alarms(past.alarms)
    assert len(shown) == 5
    assert [each["process"] for each in shown] == ["web"] * 5
    assert "hush" not in str(shown)
    assert str(shown[0]["at"]) > str(shown[-1]["at"])
