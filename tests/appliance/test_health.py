"""Whether all services answer: asked until they do, and no longer than allowed."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance import health
from appliance.checks.probes import NoAnswerError
from appliance.health import Answer, ask, trouble
from firmware.switch import machine
from firmware.switch.places import Places


async def well() -> str:
    return ""


async def test_all_answers_are_well() -> None:
    assert await ask({"shell": well, "web": well}, 0.0) == (Answer("shell"), Answer("web"))


async def test_a_service_that_comes_up_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "AGAIN_AFTER", 0.01)
    tries = itertools.count()

    async def late() -> str:
        if next(tries) < 3:
            raise NoAnswerError("nobody listens on port 23")
        return ""

    assert await ask({"shell": late}, 30.0) == (Answer("shell"),)
    assert next(tries) == 4


async def test_what_stays_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_WITHIN", 0.05)

    async def dead() -> str:
        raise NoAnswerError("nobody listens on port 23")

    async def ill() -> str:
        return "it answers 500"

    async def mute() -> str:
        await asyncio.Event().wait()
        return ""

    assert await ask({"shell": dead, "web": ill, "router": mute}, 0.0) == (
        Answer("shell", "nobody listens on port 23"),
        Answer("web", "it answers 500"),
        Answer("router", "no answer within 0.05 s"),
    )


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WELL: dict[str, Any] = {
    "version": "1.1.0",
    "services": [{"name": "web", "state": "ready"}],
    "jobs": [
        {"name": "web restart", "next_run": (NOON + timedelta(hours=1)).isoformat()},
        {"name": "backup", "next_run": None},
        {"name": "journal", "next_run": (NOON - timedelta(seconds=5)).isoformat()},
    ],
}


@pytest.mark.parametrize(
    ("status", "version", "said"),
    [
        (WELL, "", ""),
        (WELL, "1.1.0", ""),
        (WELL, "1.2.0", "version 1.1.0 answers, not 1.2.0"),
        ({**WELL, "services": [{"name": "web", "state": "failed"}]}, "", "web: not ready"),
        (
            {**WELL, "jobs": [{"name": "journal", "next_run": (NOON - timedelta(minutes=5)).isoformat()}]},
            "",
            "journal: due, and not begun",
        ),
    ],
)
def test_a_supervisor_that_answers_has_to_be_the_right_one_and_at_work(
    status: dict[str, Any], version: str, said: str
) -> None:
    assert trouble(status, version, NOON) == said


def test_a_machine_where_nobody_answers_is_told_so_whatever_version_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question as root asks it after an update, by its own command."""
    monkeypatch.setattr(machine, "_program", lambda _folder: (sys.executable, "-P", "-m", "appliance"))
    monkeypatch.setattr(
        machine.RealMachine, "_environment", lambda _self: {**os.environ, "CALLISTO_STATE": str(tmp_path)}
    )
    for version in ("", "1.2.3"):
        told = machine.RealMachine(Places(tmp_path)).troubles(version, 0.0)
        assert any(line.startswith("supervisor: ") for line in told), told
