"""An application update: from its bundle, and back when it does not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from firmware.switch import decisions
from firmware.switch.decisions import Here
from firmware.switch.places import Places
from firmware.switch.ports import Machine, SwitchError
from firmware.switch.records import Application, Applications, Outcome, Records, Request, without_current
from firmware.update import bundle
from firmware.update.bundle import Bundle, BundleError

ANSWERS_WITHIN = 60.0
"""Seconds that a new application has until all its services answer; the old one the same."""
Tell = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Switcher:
    """`here`: the system that has been started."""

    places: Places
    records: Records
    machine: Machine
    here: Here

    def install(self, opened: Bundle, version: str, request: Request, tell: Tell) -> Outcome:
        """`opened`: root's own copy, which has been checked. Raises SwitchError while nothing has changed."""
        before = self.records.applications()
        program = self.machine.open_program(opened)
        tell("tries the store with it", 45)
        if trouble := self.machine.rehearse(program):
            raise SwitchError(f"its own program refuses: {trouble}")
        chosen = Application(opened.path.name, version, self.here.version)
        runs = decisions.program_of(before, self.here)
        self.records.keep_applications(Applications(chosen, runs, trial=True, request=request.id))
        tell("starts the services", 60)
        self._restart_from(program)
        tell("waits for their answers", 80)
        troubles = self.machine.troubles(version, ANSWERS_WITHIN)
        if troubles:
            tell("goes back", 90)
            return self.give_up("; ".join(troubles), request)
        now = Applications(chosen, runs, request=request.id)
        self.records.keep_applications(now)
        self.tidy()
        return decisions.confirmed(now, self.here, request)

    def give_up(self, reason: str, request: Request) -> Outcome:
        """The one before runs again."""
        now = self.records.applications()
        outcome = decisions.fell_back(now, self.here, reason, request=request.id, who=request.who)
        return self._run_instead(without_current(now), outcome)

    def back(self, request: Request) -> Outcome:
        """The administrator wants the one before. Raises SwitchError when there is none."""
        now = self.records.applications()
        current = decisions.program_of(now, self.here)
        if current is None:
            raise SwitchError("the application that the system has built in runs already")
        end = now.previous.version if now.previous else self.here.version
        outcome = Outcome(
            request.id, "application", current.version, end, True, "went back", "", self.here.at, request.who
        )
        outcome = self._run_instead(without_current(now), outcome)
        troubles = self.machine.troubles(outcome.end, ANSWERS_WITHIN)
        if not troubles:
            return outcome
        return replace(outcome, ok=False, reason="; ".join(one for one in (outcome.reason, *troubles) if one))

    def begin(self, program: Application | None) -> str:
        """The services are started from `program` from now on, or from what is built in: then why, or empty
        when that was meant."""
        folder, trouble = self._folder(program)
        self.machine.point(folder)
        return trouble

    def _folder(self, program: Application | None) -> tuple[Path, str]:
        if program is None:
            return self.places.built_in, ""
        try:
            return self.machine.open_program(self._opened(program)), ""
        except (BundleError, SwitchError) as exc:
            return self.places.built_in, str(exc)

    def _restart_from(self, folder: Path) -> None:
        link = self.places.program
        runs = link.readlink() if link.is_symlink() else self.places.built_in
        same_store = self.machine.schema(runs) == self.machine.schema(folder)
        self.machine.point(folder)
        self.machine.restart(apart=same_store)

    def _run_instead(self, now: Applications, outcome: Outcome) -> Outcome:
        """Remember it first: a machine that is switched off now starts with that. And announce it first: a
        program that meets a store from after its time puts the one from before back, if that was meant.
        What has become of it in the end: the one before may be unusable, too."""
        self.records.announce(outcome)
        program = decisions.program_of(now, self.here)
        self.records.keep_applications(now)
        folder, trouble = self._folder(program)
        if trouble:
            changed, outcome = decisions.unusable(now, self.here, trouble, meant=outcome)
            self.records.announce(outcome)
            self.records.keep_applications(changed)
        self._restart_from(folder)
        self.tidy()
        return outcome

    def _opened(self, program: Application) -> Bundle:
        return bundle.opened(self.places.applications / program.file, self.places.keyring)

    def tidy(self) -> None:
        """Remove what neither runs nor is the way back."""
        now = self.records.applications()
        wanted = {one.file for one in (now.current, now.previous) if one}
        for file in self.places.applications.glob(f"*{bundle.SUFFIX}*"):
            if file.name not in wanted:
                file.unlink(missing_ok=True)
        runs = self.places.program
        self.machine.close_others(*((runs.readlink(),) if runs.is_symlink() else ()))
