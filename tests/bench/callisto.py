"""Our appliance as one of the measured systems, twice: one manager who answers, and one who is busy."""

from __future__ import annotations

import struct
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.demo.local import HOST, LocalAppliance
from db import transfer
from db.office import Office, Team, User
from firmware.release import running
from tests.bench.systems import AbsentError
from tests.sip.rtp import tone

AVAILABLE, BUSY, ANNOUNCED = "600", "700", "650"
WELCOME = "welcome.wav"
FIRST_SNAPSHOT_WITHIN = 60.0
LEAST_CAPACITY = 2400
"""Call legs that the bench needs at once."""


class Callisto:
    """`callisto run` with an office of three groups, all its processes and all."""

    name = "Callisto"
    number = AVAILABLE

    def __init__(self, folder: Path, answering: int, busy: int) -> None:
        """Ports of a phone that answers and of one that is busy."""
        self._appliance = LocalAppliance(folder)
        self._folder = folder
        self._office = _office(answering, busy)
        self.version = running().version
        self.pid: int | None = None
        self.router_pid: int | None = None
        self.media_pid: int | None = None
        self.hunting = Hunting(self)

    @property
    def port(self) -> int:
        return self._appliance.sip_port

    def start(self) -> None:
        fill(self._appliance, self._office, self._folder)
        self._appliance.start()
        self._wait_for_first_snapshot()
        router = self._appliance.service("router")
        if router["facts"]["capacity"] < LEAST_CAPACITY:
            raise AbsentError(f"it carries {router['facts']['capacity']} call legs, not {LEAST_CAPACITY}")
        self.pid, self.router_pid = self._appliance.pid, router["pid"]
        self.media_pid = self._appliance.service("media")["pid"]

    def _wait_for_first_snapshot(self) -> None:
        """It is taken ten seconds after a first start, once in the life of a store."""
        deadline = time.monotonic() + FIRST_SNAPSHOT_WITHIN
        while not ((self._appliance.status() or {}).get("journal") or {}).get("looked_at"):
            if time.monotonic() > deadline:
                raise AbsentError("the first snapshot of its store was not taken")
            time.sleep(0.2)  # asking is not waiting for an event: the supervisor tells this to whoever asks

    def facts(self, service: str = "router") -> dict[str, Any]:
        """What the service last told the supervisor; it does so once a second."""
        found: dict[str, Any] = self._appliance.service(service).get("facts", {})
        return found

    def stop(self) -> None:
        self._appliance.stop()


@dataclass(frozen=True, slots=True)
class Hunting:
    """The same processes: the manager's phone is busy, so an assistant's phone rings."""

    callisto: Callisto
    name: str = "Callisto, hunting"
    number: str = BUSY

    @property
    def version(self) -> str:
        return self.callisto.version

    @property
    def port(self) -> int:
        return self.callisto.port

    @property
    def pid(self) -> int | None:
        return self.callisto.pid

    @property
    def router_pid(self) -> int | None:
        return self.callisto.router_pid

    def start(self) -> None:
        """It runs already."""

    def stop(self) -> None:
        """It stops with the other."""


def fill(appliance: LocalAppliance, office: Office, folder: Path) -> None:
    file = folder / "office.yaml"
    file.write_text(transfer.dump(office), encoding="utf-8")
    imported = appliance.callisto("import", str(file))
    if imported.returncode:
        raise AbsentError(f"its office was refused: {imported.stderr}")
    announcements = appliance.state / "announcements"
    announcements.mkdir(exist_ok=True)
    write_welcome(announcements / WELCOME)


def write_welcome(path: Path) -> None:
    """Half a second of a tone."""
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(struct.pack("<4000h", *tone(400, 0.5)))


def _office(answering: int, busy: int) -> Office:
    """Everybody takes any number of calls at once: what is measured is the router, not the people."""
    return Office(
        users=(
            User("anna", "Anna Amsler", f"sip:anna@{HOST}:{answering}"),
            User("dora", "Dora Dubach", f"sip:dora@{HOST}:{busy}"),
            User("berta", "Berta Bucher", f"sip:berta@{HOST}:{answering}"),
        ),
        groups=(
            Team("Sales", AVAILABLE, "anna", need_idle=False),
            Team("Board", BUSY, "dora", ("berta",), need_idle=False),
            Team("Service", ANNOUNCED, "anna", announcement=WELCOME, need_idle=False),
        ),
    )
