"""A service of asyncio tells the supervisor that it is ready, and what has changed since."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from appliance.control.client import ControlClient
from appliance.control.protocol import RefusedError, Request
from appliance.control.server import ControlServer, Peer
from appliance.roles import announce
from appliance.services.ports import Unit
from tests.appliance.waiting import eventually


class Heard:
    def __init__(self, refuse: int = 0) -> None:
        self.requests: list[tuple[str, object, int]] = []
        self._refuse = refuse

    def __call__(self, request: Request, peer: Peer) -> None:
        if self._refuse:
            self._refuse -= 1
            raise RefusedError("not yet")
        self.requests.append((request.name, request.args["facts"], peer.pid))


def server(path: Path, heard: Heard) -> ControlServer:
    return ControlServer(path, {"ready": heard, "facts": heard})


async def test_readiness_then_changed_facts_then_anew_after_a_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "LOOK_EVERY", 0.02)
    path, facts, me = tmp_path / "control.sock", {"sessions": 0}, os.getpid()
    async with ControlClient(path) as client:
        telling = asyncio.create_task(announce.announce(client, Unit.SHELL, lambda: facts))
        heard = Heard()
        async with server(path, heard):
            await eventually(lambda: heard.requests == [("ready", {"sessions": 0}, me)])
            facts["sessions"] = 1
            await eventually(lambda: heard.requests[1:] == [("facts", {"sessions": 1}, me)])
        heard = Heard()
        async with server(path, heard):
            await eventually(lambda: heard.requests == [("ready", {"sessions": 1}, me)])
        telling.cancel()


async def test_a_refusal_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "LOOK_EVERY", 0.02)
    path, heard = tmp_path / "control.sock", Heard(refuse=3)
    async with server(path, heard), ControlClient(path) as client:
        telling = asyncio.create_task(announce.announce(client, Unit.WEB, dict))
        await eventually(lambda: heard.requests)
        telling.cancel()
