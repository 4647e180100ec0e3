"""A machine made from an image, as far as the supervisor sees one: files of root, and the unit that is root.

The unit does what appliance-update.service does with its files, in their order, on an event loop.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.updating.root_side import Unit
from db.whole import write_json
from firmware.build import bundle
from firmware.build.keys import Keys
from firmware.update.bundle import opened
from firmware.update.sheet import COMPATIBLE, RESTARTS, Kind, Sheet, of_bundle
from tests.firmware.signing import make

BASE = "debian12-python3.11"
SCHEMA = "0005"
BUILT = datetime(2026, 11, 23, 4, tzinfo=UTC)


def keys_in(folder: Path) -> Keys:
    made = make(folder)
    return Keys(made.certificate, str(made.key), made.ca, own=True)


def signed(
    path: Path,
    keys: Keys,
    version: str,
    kind: Kind = "application",
    *,
    schema: str = SCHEMA,
    base: str = BASE,
) -> Path:
    """A bundle with some payload."""
    payload = path.with_name(path.name + ".payload")
    payload.write_bytes(version.encode() * 40_000)
    sheet = Sheet(
        kind,
        version,
        BUILT,
        COMPATIBLE[kind],
        base,
        schema,
        "0001",
        "",
        RESTARTS[kind],
        2.0,
        "For tests.",
        "",
    )
    bundle.made(sheet, payload, {}, keys, path)
    payload.unlink()
    return path


@dataclass
class Machine:
    """`hold`: root's part does not go on until it is set. `fails`: why the new one does not answer.
    `refuses`: why root does not even begin. `mute`: it ends without a word. `boots`: times it was started."""

    root: Path
    updates: Path
    keyring: Path
    hold: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    fails: str = ""
    refuses: str = ""
    mute: bool = False
    boots: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    at_work: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        for each in ("proc/sys/kernel/random", "usr/lib", "data/system/update"):
            (self.root / each).mkdir(parents=True, exist_ok=True)
        (self.root / "proc/cmdline").write_text("ro quiet rauc.slot=A\n")
        (self.root / "usr/lib/os-release").write_text(f'ID=debian\nCALLISTO_BASE="{BASE}"\n')
        self.boot()

    @property
    def files(self) -> Path:
        return self.root / "data/system/update"

    @property
    def unit(self) -> Unit:
        return Unit(self._start, self._works)

    def boot(self) -> None:
        self.boots += 1
        (self.root / "proc/sys/kernel/random/boot_id").write_text(f"boot-{self.boots}\n")

    def write(self, name: str, content: dict[str, Any] | None) -> None:
        path = self.files / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_json(path, content)

    def outcome(self, what: str, *, ok: bool, reason: str = "", **more: Any) -> None:
        asked = self.asked[-1] if self.asked else {"id": "", "who": ""}
        told = {
            "id": asked["id"], "who": asked["who"], "kind": "application", "start": "0.1.0", "end": "9.1.0",
            "ok": ok, "what": what, "reason": reason, "at": datetime.now(UTC).timestamp(), **more,
        }  # fmt: skip
        self.write("outcome.json", told)
        with (self.files / "history.jsonl").open("a") as file:
            file.write(json.dumps(told) + "\n")

    async def _start(self) -> None:
        """As systemctl: whoever waits may go, the unit goes on."""
        self.at_work = asyncio.create_task(self._work(), name="root's part")
        await asyncio.shield(self.at_work)

    async def _works(self) -> bool:
        return self.at_work is not None and not self.at_work.done()

    async def _work(self) -> None:
        asked = json.loads((self.updates / "request.json").read_text())
        self.asked.append(asked)
        self.write("progress.json", {"id": asked["id"], "doing": "looks at it", "percent": 10})
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.mute:
            return
        if self.refuses:
            self.outcome("refused", ok=False, reason=self.refuses)
            return
        match asked["do"]:
            case "install":
                self._install(asked["file"])
            case "reboot" if (self.files / "slots.json").exists():
                trial = {"slot": "B", "version": "9.2.0", "start": "0.1.0", "id": asked["id"], "reasons": []}
                self.write("trial.json", trial)
            case "back":
                self.write("application.json", {"current": None, "previous": None, "trial": False})
                self.outcome("went back", ok=True, start="9.1.0", end="0.1.0")

    def _install(self, name: str) -> None:
        sheet = of_bundle(opened(self.updates / name, self.keyring))
        versions = {"kind": sheet.kind, "end": sheet.version}
        self.write("progress.json", {"id": self.asked[-1]["id"], "doing": "starts it", "percent": 70})
        if sheet.kind == "system":
            self.write("slots.json", {"versions": {"A": "0.1.0", "B": sheet.version}, "waits": "B"})
            self.outcome("installed", ok=True, **versions)
            return
        current = {"file": name, "version": sheet.version}
        self.write("application.json", {"current": current, "previous": None, "trial": True})
        if self.fails:
            self.write("application.json", {"current": None, "previous": None, "trial": False})
            back = {"kind": sheet.kind, "start": sheet.version, "end": "0.1.0"}
            self.outcome("fell back", ok=False, reason=self.fails, **back)
            return
        self.write("application.json", {"current": current, "previous": None, "trial": False})
        self.outcome("confirmed", ok=True, **versions)
