"""What the processes do, in words."""

from __future__ import annotations

import pytest

from appliance.trace.doing import doing


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"calls_now": 1, "legs_in_use": 2}, ("1 call now", "2 call legs in use")),
        ({"sessions": 1}, ("1 session",)),
        ({"sessions": 0, "memory_mb": 1}, ("0 sessions", "1 MB of memory")),
    ],
)
def test_one_is_said_as_one(facts: dict[str, int], said: tuple[str, ...]) -> None:
    status = {"services": [{"name": "shell", "state": "ready", "pid": 4, "facts": facts}]}
    assert doing(status)[1].doing == said


def test_records_that_wait_are_counted() -> None:
    assert doing({"spool": {"pending": 1}})[0].doing == ("1 call record to be taken in",)
    assert doing({"spool": {"pending": 2}})[0].doing == ("2 call records to be taken in",)
