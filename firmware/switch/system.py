"""A system update: the other slot is written, tried with the store, and started by a reboot."""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware.switch.application import Tell
from firmware.switch.decisions import Here
from firmware.switch.ports import Machine, SlotEmptiedError, SwitchError
from firmware.switch.records import Outcome, Records, Request, Slot, Slots, Trial
from firmware.update import keyfile
from firmware.update.bundle import Bundle

IMAGE = "image.rootfs"


@dataclass(frozen=True, slots=True)
class SlotWriter:
    """`here`: the system that has been started."""

    records: Records
    machine: Machine
    here: Here

    def install(self, opened: Bundle, version: str, request: Request, tell: Tell) -> Outcome:
        """Nothing is started from the slot before `reboot`. Raises SwitchError; once the other slot is
        written to, SlotEmptiedError."""
        other, before = self._other(), self.records.slots()
        size, sha256 = image_of(opened)
        # From here on, until it has been proven, there is nothing in the other slot.
        mine: Slot = "B" if other == "A" else "A"
        emptied: dict[str, str] = {mine: self.here.version}
        self.records.keep_slots(Slots(emptied, None, mine))
        try:
            self._write(opened, other, size, sha256, tell)
        except SwitchError as exc:
            held = other in before.versions
            lost = f"; slot {other} holds no system any more to go back to" if held else ""
            raise SlotEmptiedError(f"{exc}{lost}") from exc
        self.records.keep_slots(Slots({**emptied, other: version}, other, mine))
        return Outcome(
            request.id, "system", self.here.version, version, True, "installed", "", self.here.at, request.who
        )

    def _write(self, opened: Bundle, other: Slot, size: int, sha256: str, tell: Tell) -> None:
        """And prove it. Raises SwitchError."""
        self.machine.write_slot(opened.path, lambda percent: tell("writes the other slot", 25 + percent // 2))
        tell("reads it back", 76)
        self.machine.read_back(other, size, sha256)
        tell("tries the store with it", 82)
        if trouble := self.machine.rehearse_slot(other):
            raise SwitchError(f"its own program refuses: {trouble}")

    def reboot(self, request: Request) -> Outcome | None:
        """Into the slot that waits, which is then on trial; into the same one when none does."""
        slots = self.records.slots()
        if slots.waits is None:
            self.machine.reboot()
            return None
        self._try(slots, slots.waits, request, returns=False)
        return None

    def back(self, request: Request) -> Outcome | None:
        """Into the other slot, with what was there before. Raises SwitchError when nothing is."""
        slots = self.records.slots()
        other = self._other()
        if other not in slots.versions or slots.waits is not None:
            raise SwitchError(f"there is no system in slot {other} to go back to")
        self._try(slots, other, request, returns=True)
        return None

    def _try(self, slots: Slots, slot: Slot, request: Request, *, returns: bool) -> None:
        trial = Trial(
            slot=slot,
            version=slots.versions.get(slot, ""),
            start=self.here.version,
            began=self.here.at,
            id=request.id,
            who=request.who,
            returns=returns,
        )
        self.records.keep_trial(trial)
        self.machine.prefer(slot)
        self.records.keep_slots(replace(slots, waits=None))
        self.machine.reboot()

    def _other(self) -> Slot:
        match self.here.slot:
            case "A":
                return "B"
            case "B":
                return "A"
            case _:
                raise SwitchError("this machine was not started from a slot")


def image_of(opened: Bundle) -> tuple[int, str]:
    """Bytes and SHA-256 of the file system for the slot, as they were signed. Raises SwitchError."""
    found = keyfile.read(opened.manifest.encode()).get(IMAGE, {})
    size, sha256 = found.get("size", ""), found.get("sha256", "")
    if not size.isdecimal() or len(sha256) != 64:
        raise SwitchError("its manifest does not say what has to be in the slot")
    return int(size), sha256
