"""What this part is asked for: by the supervisor, at the start, and when it is known how the services are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from firmware.switch import decisions
from firmware.switch.application import Switcher
from firmware.switch.copying import copied
from firmware.switch.decisions import Here, Remembered
from firmware.switch.places import Places
from firmware.switch.ports import Machine, SlotEmptiedError, SwitchError
from firmware.switch.records import Application, Outcome, Records, Request, request_of
from firmware.switch.system import SlotWriter
from firmware.update import bundle, judging, sheet
from firmware.update.bundle import BundleError
from firmware.update.judging import Running
from firmware.update.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Verbs:
    """`base`: what applications have to fit to on this system. `kernel`: which one it has."""

    places: Places
    machine: Machine
    here: Here
    base: str
    kernel: str = ""

    @property
    def _records(self) -> Records:
        return Records(self.places.records)

    @property
    def _switcher(self) -> Switcher:
        return Switcher(self.places, self._records, self.machine, self.here)

    @property
    def _writer(self) -> SlotWriter:
        return SlotWriter(self._records, self.machine, self.here)

    def request(self) -> None:
        """Do what the supervisor has asked for. What came of it is its outcome, whatever it is; a request to
        reboot has one when the machine has been started."""
        request = self._asked()
        if request is None:
            return
        if self._records.applications().trial:
            # Whoever tried it was ended before he could say what came of it.
            left = replace(request, id=self._records.applications().request)
            self._records.tell_outcome(self._switcher.give_up(decisions.INTERRUPTED, left))
        try:
            outcome = self._done(request)
        except (SwitchError, BundleError) as exc:
            outcome = self._refused(request, exc)
            self._switcher.tidy()
        finally:
            self.places.installing.unlink(missing_ok=True)
        if outcome is not None:
            self._records.tell_outcome(outcome)

    def start(self) -> None:
        """Before the services: what they are started from, and what has become of a trial."""
        records = self._records
        for left in (self.places.installing, *self.places.applications.glob("*.new")):
            left.unlink(missing_ok=True)
        was = Remembered(records.applications(), records.trial(), records.slots(), records.outcome())
        now = decisions.at_start(was, self.here, self._begun())
        applications, outcomes = now.applications, now.outcomes
        if trouble := self._switcher.begin(now.program):
            applications, outcome = decisions.unusable(applications, self.here, trouble)
            outcomes = (*outcomes, outcome)
        # Told before it is forgotten: twice is better than never.
        for outcome in outcomes:
            records.tell_outcome(outcome)
        if applications != records.applications():
            records.keep_applications(applications)
        if now.given_up is not None:
            # The boot menu would come to the same, with one more try of it.
            with suppress(SwitchError):
                self.machine.give_up(now.given_up)
        if now.slots != records.slots():
            records.keep_slots(now.slots)
        if now.trial is None and records.trial() is not None:
            records.keep_trial(None)

    def healthy(self) -> None:
        records = self._records
        self.machine.mark_good()
        trial, slots = records.trial(), records.slots()
        now, outcome = decisions.healthy(trial, slots, self.here)
        if outcome is not None:
            records.tell_outcome(outcome)
            records.keep_trial(None)
        if now != slots:
            records.keep_slots(now)

    def unhealthy(self) -> None:
        records = self._records
        trial = decisions.unhealthy(records.trial(), self.here, self.machine.troubles("", 1.0))
        if trial is not None:
            records.keep_trial(trial)
            self.machine.reboot()

    def _begun(self) -> Request | None:
        """What was being installed when the machine was switched off."""
        request = self._asked()
        return request if request and self._records.progress_of() == request.id else None

    def _asked(self) -> Request | None:
        """What has been asked for, and has no outcome yet."""
        request, last = request_of(self.places.request), self._records.outcome()
        if request is None or (last is not None and last.id == request.id):
            return None
        return replace(request, kind=self._kind(request))

    def _kind(self, request: Request) -> str:
        """Of a bundle, by what it says of itself; by its name when that cannot be known any more."""
        if request.do == "back":
            return "application" if self._program() is not None else "system"
        try:
            return sheet.of_bundle(bundle.opened(self.places.shelf / request.file, self.places.keyring)).kind
        except BundleError:
            return "application" if ".app." in request.file else "system"

    def _program(self) -> Application | None:
        return decisions.program_of(self._records.applications(), self.here)

    def _done(self, request: Request) -> Outcome | None:
        match request.do:
            case "install":
                return self._install(request)
            case "back":
                return self._back(request)
            case "reboot":
                return self._writer.reboot(request)
            case _:
                raise SwitchError(f"nobody here knows how to {request.do[:40]!a}")

    def _back(self, request: Request) -> Outcome | None:
        self._records.tell_progress(request, "goes back", 50)
        if request.kind == "application":
            return self._switcher.back(request)
        return self._writer.back(request)

    def _install(self, request: Request) -> Outcome:
        def tell(doing: str, percent: int) -> None:
            self._records.tell_progress(request, doing, percent)

        name = request.file
        if "/" in name or name.startswith(".") or not name.endswith(bundle.SUFFIX):
            raise SwitchError(f"{name[:60]!a} is no name of an update")
        tell("copies it", 2)
        source, kind = self.places.shelf / name, request.kind
        target = self.places.installing if kind == "system" else self.places.applications / name
        opened = bundle.opened(copied(source, target), self.places.keyring)
        tell("checks every byte of it", 10)
        bundle.check(opened)
        found = sheet.of_bundle(opened)
        if found.kind != kind:
            raise SwitchError("it was exchanged while it was copied")
        self._judge(found, request)
        if kind == "system":
            return self._writer.install(opened, found.version, request, tell)
        return self._switcher.install(opened, found.version, request, tell)

    def _judge(self, found: Sheet, request: Request) -> None:
        runs = self._program()
        slot: Literal["", "A", "B"] = "A" if self.here.slot == "A" else "B" if self.here.slot == "B" else ""
        # Of the store, its own program says more than its number.
        running = Running(
            runs.version if runs else self.here.version,
            "",
            self.base,
            slot,
            runs.file if runs else "",
            self.kernel,
        )
        verdict = judging.judged(found, running)
        if not verdict.allows(downgrade=request.downgrade):
            raise SwitchError(verdict.reason)

    def _refused(self, request: Request, why: SwitchError | BundleError) -> Outcome:
        return Outcome(
            request.id,
            request.kind,
            self.here.version,
            "",
            False,
            "failed" if isinstance(why, SlotEmptiedError) else "refused",
            str(why),
            self.here.at,
            request.who,
        )
