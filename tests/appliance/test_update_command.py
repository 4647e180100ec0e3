"""`callisto update` as people type it, beside an appliance that runs."""

from __future__ import annotations

import argparse
import asyncio
import builtins
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.commands.update import run
from appliance.config import Config
from appliance.control.server import ControlServer
from appliance.control.update import handlers
from tests.fakes.updates import FakeUpdates, update

LOST = "The store is again as it was on Monday."
Back = Callable[..., int]


@pytest.fixture
def updates() -> FakeUpdates:
    found = FakeUpdates()
    name = "callisto-0.1.0.raucb"
    found.bundles = {name: replace(update(name, "0.1.0"), state="previous")}
    return found


@pytest.fixture
def back(updates: FakeUpdates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Back:
    """`answer`: what is typed when it asks; None: nobody is there."""
    config = Config.load({"CALLISTO_CONFIG": "", "CALLISTO_STATE": str(tmp_path)}, tmp_path)
    config.control_socket.parent.mkdir()

    def done(answer: str | None = None, *, yes: bool = False) -> int:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: answer is not None, raising=False)
        monkeypatch.setattr(builtins, "input", lambda _asked: answer)

        async def beside() -> int:
            async with ControlServer(config.control_socket, handlers(updates)):
                return await asyncio.to_thread(run, config, argparse.Namespace(action="back", yes=yes))

        return asyncio.run(beside())

    return done


def test_where_nothing_is_lost_going_back_asks_nobody(back: Back, updates: FakeUpdates) -> None:
    assert back() == 0
    assert [what for what, _, _ in updates.asked] == ["back"]


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("no", 1), ("", 1), (None, 1)])
def test_what_is_lost_is_said_before_and_then_it_asks(
    back: Back, updates: FakeUpdates, capsys: pytest.CaptureFixture[str], answer: str | None, code: int
) -> None:
    updates.lost_rows = (LOST,)
    assert back(answer) == code
    assert bool(updates.asked) == (code == 0)
    said = capsys.readouterr().err
    assert LOST in said
    assert ("callisto update back --yes" in said) == (answer is None)


def test_who_has_said_yes_is_told_and_not_asked(
    back: Back, updates: FakeUpdates, capsys: pytest.CaptureFixture[str]
) -> None:
    updates.lost_rows = (LOST,)
    assert back(yes=True) == 0
    assert LOST in capsys.readouterr().err
    assert updates.asked
