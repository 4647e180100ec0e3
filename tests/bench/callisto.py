"""Our appliance as one of the measured systems, twice: one manager who answers, and one who is busy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from appliance.demo.local import HOST, LocalAppliance
from db import transfer
from db.office import Office, Team, User
from firmware.release import running
from tests.bench.systems import AbsentError

AVAILABLE, BUSY = "600", "700"


class Callisto:
    """`callisto run` with an office of two groups, its five processes and all."""

    name = "Callisto"
    number = AVAILABLE

    def __init__(self, folder: Path, answering: int, busy: int) -> None:
        """Ports of a phone that answers and of one that is busy."""
        self._appliance = LocalAppliance(folder)
        self._folder = folder
        self._office = _office(answering, busy)
        self.version = running().version
        self.engine = "unknown"
        self.pid: int | None = None
        self.router_pid: int | None = None
        self.hunting = Hunting(self)

    @property
    def port(self) -> int:
        return self._appliance.sip_port

    def start(self) -> None:
        file = self._folder / "office.yaml"
        file.write_text(transfer.dump(self._office), encoding="utf-8")
        imported = self._appliance.callisto("import", str(file))
        if imported.returncode:
            raise AbsentError(f"its office was refused: {imported.stderr}")
        self._appliance.start()
        router = self._appliance.service("router")
        facts = router["facts"]
        if facts["capacity"] < 1000:
            raise AbsentError(
                f"this engine carries {facts['capacity']} call legs; make engine builds a large one"
            )
        self.engine = f"{facts['engine']}, {facts['capacity']} call legs"
        self.pid, self.router_pid = self._appliance.pid, router["pid"]

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


def _office(answering: int, busy: int) -> Office:
    return Office(
        users=(
            User("anna", "Anna Amsler", f"sip:anna@{HOST}:{answering}"),
            User("dora", "Dora Dubach", f"sip:dora@{HOST}:{busy}"),
            User("berta", "Berta Bucher", f"sip:berta@{HOST}:{answering}"),
        ),
        groups=(Team("Sales", AVAILABLE, "anna"), Team("Board", BUSY, "dora", ("berta",))),
    )
