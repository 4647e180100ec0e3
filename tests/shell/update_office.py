"""An office whose machine has updates: an application, a system, an older one, one of no use."""

from __future__ import annotations

from typing import Any

from db.variables.states import Actor
from shell.update_ports import Notice, Update
from tests.fakes.shell_ports import Office
from tests.fakes.updates import FakeUpdates, update

APPLICATION = "callisto-0.2.0-x86_64.raucb"
SYSTEM = "callisto-system-0.3.0-x86_64.raucb"
OLDER = "callisto-0.0.9-x86_64.raucb"
ADMIN = Actor("admin", "", "telnet")
STRANGE = Update(
    "strange.raucb",
    99,
    "refused",
    "application",
    "0.4.0",
    verdict_reason="it is for debian13-python3.13; this system is debian12-python3.11",
    hint="update the system first",
)


def stocked(**others: Any) -> tuple[Office, FakeUpdates]:
    """With an application, a system and an older application; NOON is a Tuesday."""
    office = Office(**others)
    updates = office.updates
    assert updates is not None
    updates.bundles = {
        APPLICATION: update(APPLICATION),
        SYSTEM: update(SYSTEM, "0.3.0", "system"),
        OLDER: update(OLDER, "0.0.9"),
        STRANGE.name: STRANGE,
    }
    return office, updates


def done(updates: FakeUpdates) -> list[tuple[str, str]]:
    return [(what, name) for what, name, _ in updates.asked]


OUTCOME = Notice("0.2.0 fell back: the login page did not answer; 0.1.0 runs", "the log says more")
BACKUP = Notice("No backup has been made since the update.", "backup makes one", "backup")
