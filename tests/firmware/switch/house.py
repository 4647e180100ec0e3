"""A machine of two slots in memory, its files in a folder; it can lose its power between any two steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from firmware import signature
from firmware.switch import records as recording
from firmware.switch.decisions import Here
from firmware.switch.places import Places
from firmware.switch.ports import SwitchError
from firmware.switch.records import Records, Slot
from firmware.switch.verbs import Verbs
from firmware.update import keyfile, sheet, verity
from firmware.update.bundle import TRAILER, Bundle
from firmware.update.sheet import COMPATIBLE, RESTARTS, SECTION, Kind, Sheet
from tests.firmware.signing import Keys

BASE = "debian12-python3.11"
OLD, NEW = "1.0.0", "1.1.0"
AT = 1_790_000_000.0


class PowerFailedError(BaseException):
    """Nothing that the code under test could catch."""


def bundle_of(kind: Kind, version: str, keys: Keys, path: Path, base: str = BASE) -> Path:
    """Signed and whole; its payload is nothing that could be mounted."""
    payload = f"{kind} {version} ".encode() * 1000
    payload += bytes(-len(payload) % verity.BLOCK)
    found, tree = verity.made(BytesIO(payload), len(payload), b"salt" * 8)
    described = Sheet(
        kind=kind, version=version, built_at=datetime.fromtimestamp(AT, UTC), compatible=COMPATIBLE[kind],
        base=base, schema="0005", oldest_schema="0001", kernel="", restart=RESTARTS[kind], outage_s=2.0,
        notes="", signer="",
    )  # fmt: skip
    image = {"image.rootfs": {"sha256": "0" * 64, "size": "4096", "filename": "rootfs.img"}}
    manifest = keyfile.written(
        {
            "update": {"compatible": COMPATIBLE[kind], "version": version, "build": str(int(AT))},
            "bundle": {
                "format": "verity",
                "verity-hash": found.root.hex(),
                "verity-salt": found.salt.hex(),
                "verity-size": str(found.size),
            },
            **(image if kind == "system" else {}),
            SECTION: sheet.section(described),
        }
    )
    signed = signature.sign(manifest.encode(), keys.certificate, str(keys.key), attached=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(payload + tree + signed + len(signed).to_bytes(TRAILER, "big"))
    return path


@dataclass
class House:
    """`slots`: what is in each, "" for nothing, "?" for what was only begun. `preferred`: what the boot menu
    starts; `broken`: versions that do not answer; `refusing`: that do not take the store over."""

    folder: Path
    slots: dict[str, str] = field(default_factory=lambda: {"A": OLD, "B": ""})
    good: set[str] = field(default_factory=lambda: {"A"})
    preferred: Slot = "A"
    booted: Slot = "A"
    broken: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    schemas: dict[str, str] = field(default_factory=dict)
    """By version, where it is not 0005."""
    restarted_apart: bool = False
    told_at_restart: str | None = None
    """Whose outcome stood there when the services started anew last."""
    opened: dict[Path, str] = field(default_factory=dict)
    serves: str = ""
    """The version of the services that run."""
    rebooting: bool = False
    steps_left: int | None = None
    tries: int = 0

    def __post_init__(self) -> None:
        self.places = Places(self.folder)
        self.places.built_in.mkdir(parents=True)
        self.places.mounts.mkdir(parents=True)

    def step(self) -> None:
        """The power fails here when it is its turn."""
        if self.steps_left is not None:
            if self.steps_left == 0:
                raise PowerFailedError
            self.steps_left -= 1

    @property
    def verbs(self) -> Verbs:
        version = self.slots[self.booted]
        return Verbs(self.places, self, Here(version, self.booted, AT), BASE)

    @property
    def records(self) -> Records:
        return Records(self.places.records)

    # What the code under test does to it

    def open_program(self, bundle: Bundle) -> Path:
        self.step()
        version = bundle.path.read_bytes()[:40].split()[1].decode()
        folder = self.places.mounts / bundle.verity.root.hex()[:16]
        self.opened[folder] = version
        self.step()
        return folder

    def close_others(self, *kept: Path) -> None:
        self.opened = {folder: version for folder, version in self.opened.items() if folder in kept}

    def point(self, program: Path) -> None:
        self.step()
        self.places.program.parent.mkdir(parents=True, exist_ok=True)
        self.places.program.unlink(missing_ok=True)
        self.places.program.symlink_to(program)
        self.step()

    def schema(self, program: Path) -> str:
        return self.schemas.get(self._version(program), "0005")

    def restart(self, *, apart: bool) -> None:
        self.restarted_apart = apart
        told = self.records.outcome()
        self.told_at_restart = told.id if told else None
        self.step()
        self.serves = self._version(self.places.program.readlink())
        self.step()

    def _version(self, program: Path) -> str:
        return self.slots[self.booted] if program == self.places.built_in else self.opened[program]

    def troubles(self, version: str, within: float) -> tuple[str, ...]:
        self.step()
        if self.serves in self.broken:
            return ("shell: no answer",)
        return () if version in ("", self.serves) else (f"supervisor: version {self.serves} answers",)

    def rehearse(self, program: Path) -> str:
        self.step()
        return "it cannot read this store" if self.opened[program] in self.refusing else ""

    def write_slot(self, bundle: Path, tell: Callable[[int], None]) -> None:
        other = "B" if self.booted == "A" else "A"
        self.slots[other], self.good = "?", self.good - {other}
        self.step()
        tell(50)
        self.slots[other] = bundle.read_bytes()[:40].split()[1].decode()
        self.step()

    def read_back(self, slot: Slot, size: int, sha256: str) -> None:
        self.step()

    def rehearse_slot(self, slot: Slot) -> str:
        self.step()
        return "it cannot read this store" if self.slots[slot] in self.refusing else ""

    def mark_good(self) -> None:
        self.good.add(self.booted)
        self.step()

    def prefer(self, slot: Slot) -> None:
        if not self.slots[slot]:
            raise SwitchError("there is nothing in it")
        self.step()
        self.preferred, self.tries = slot, 0
        self.good.add(slot)
        self.step()

    def give_up(self, slot: Slot) -> None:
        self.step()
        self.preferred, self.tries = self.booted, 0
        self.good.discard(slot)
        self.step()

    def reboot(self) -> None:
        self.rebooting = True

    # What happens to it

    def boot(self) -> None:
        """Once, by the boot menu's rules: two tries for what is not known to answer; then services, and the
        question whether they answer."""
        self.opened, self.serves, self.rebooting, self.steps_left = {}, "", False, None
        self.places.program.unlink(missing_ok=True)
        self.places.program.symlink_to(self.places.built_in)
        if self.tries >= 2:
            self.preferred, self.tries = "B" if self.preferred == "A" else "A", 0
        self.booted = self.preferred
        self.tries += 1
        if self.places.records.exists() and any(self.places.records.glob("*.json")):
            self.verbs.start()
        self.restart(apart=False)
        if self.serves in self.broken:
            self.verbs.unhealthy()
        else:
            self.verbs.healthy()
            self.tries = 0

    def boot_until_it_rests(self) -> None:
        for _ in range(5):
            self.boot()
            if not self.rebooting:
                return
        raise AssertionError("it starts anew for ever")

    def ask(self, do: str, file: str = "", *, number: int = 1, downgrade: bool = False) -> None:
        self.places.shelf.mkdir(parents=True, exist_ok=True)
        request = {
            "format": 1,
            "id": str(number),
            "do": do,
            "file": file,
            "downgrade": downgrade,
            "who": "anna",
        }
        recording.Records(self.places.shelf)._write("request.json", request)
        self.verbs.request()


@contextmanager
def failing_power(house: House, after: int, monkeypatch: object) -> Iterator[None]:
    """After so many steps: of the machine, and of the files that take their names or lose them."""
    replace, unlink = Path.replace, Path.unlink

    def replaced(path: Path, target: Path) -> Path:
        house.step()
        found = replace(path, target)
        house.step()
        return found

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        house.step()
        unlink(path, missing_ok=missing_ok)

    setattr_ = monkeypatch.setattr  # type: ignore[attr-defined]
    setattr_(Path, "replace", replaced)
    setattr_(Path, "unlink", unlinked)
    house.steps_left = after
    try:
        yield
    finally:
        house.steps_left = None
        monkeypatch.undo()  # type: ignore[attr-defined]


def lay(source: Path, house: House) -> str:
    house.places.shelf.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, house.places.shelf / source.name)
    return source.name
