"""Somebody logged in to the Telnet shell of a machine, who has patience."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from typing import Any

from tests.image import stocked
from tests.image.vm import Machine
from tests.journeys.telnet_admin import PROMPT, TelnetAdmin
from tests.journeys.waiting import eventually

SLOW = 600.0
"""Seconds for anything that a real machine does in some ten."""


class Admin(TelnetAdmin):
    """Logged in. `told`: what he has been told at his login."""

    def __init__(self, one: Machine) -> None:
        super().__init__(one.telnet, within_s=SLOW)
        with ExitStack() as undo:
            undo.callback(self._socket.close)
            self.read_to("Username: ")
            self.type("admin")
            self.read_to("Password: ")
            self.type(stocked.PASSWORD)
            self.told = " ".join(self.read_to(PROMPT).split())
            undo.pop_all()

    def facts(self, line: str) -> Any:
        said = self.command(f"{line} | json")
        begin = re.search(r"[\[{]", said)
        assert begin, said
        return json.JSONDecoder().raw_decode(said[begin.start() :])[0]


def login(one: Machine) -> Admin:
    """As soon as somebody may: services start anew."""

    def tried() -> Admin | None:
        try:
            return Admin(one)
        except (OSError, AssertionError):
            return None

    found = eventually(tried, within_s=SLOW, every_s=2)
    assert found is not None
    return found


def outcome(one: Machine, version: str, what: str) -> dict[str, Any]:
    """What became of the last update, when it is known."""

    def known() -> dict[str, Any] | None:
        try:
            with Admin(one) as admin:
                told = admin.facts("update history")
        except (OSError, AssertionError):
            return None
        if not isinstance(told, list) or not told:  # nobody there to ask: it starts anew
            return None
        last: dict[str, Any] = told[0]
        return last if last["what"] == what and version in (last["start"], last["end"]) else None

    found = eventually(known, within_s=SLOW, every_s=5)
    assert found is not None
    return found
