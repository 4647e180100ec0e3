"""Whether all services answer: asked until they do, and no longer than allowed."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from appliance import health
from appliance.checks.probes import NoAnswerError
from appliance.health import Answer, ask


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
