"""What to start, and what has become of a trial. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from firmware.switch.records import (
    Application,
    Applications,
    Outcome,
    Request,
    Slot,
    Slots,
    Trial,
    announced,
    without_current,
)

INTERRUPTED = "the machine was switched off, or started anew, while it was tried"
NOT_BACK = "the machine was switched off before it had gone back; what ran before runs"


@dataclass(frozen=True, slots=True)
class Here:
    """The system that has been started. `slot`: "" where there are none."""

    version: str
    slot: Slot | Literal[""]
    at: float


@dataclass(frozen=True, slots=True)
class Remembered:
    """Of before. `told`: the last outcome."""

    applications: Applications
    trial: Trial | None
    slots: Slots
    told: Outcome | None


@dataclass(frozen=True, slots=True)
class Start:
    """What runs from now on: `program` (None: what is built in), and what is remembered. `given_up`: the slot
    that is not to be started again by itself."""

    program: Application | None
    applications: Applications
    trial: Trial | None
    slots: Slots
    outcomes: tuple[Outcome, ...] = ()
    given_up: Slot | None = None


def at_start(was: Remembered, here: Here, begun: Request | None = None) -> Start:
    """When a machine has been switched on. A trial that has been cut short has failed. `begun`: a request
    that nobody has said the outcome of."""
    applications, trial, slots, told = was.applications, was.trial, was.slots, was.told
    outcomes: tuple[Outcome, ...] = ()
    program = program_of(applications, here)
    if applications.trial and applications.current is not None:
        request, who = applications.request, begun.who if begun else ""
        if told is None or (told.id, told.what) != (request, "fell back"):
            outcomes = (fell_back(applications, here, INTERRUPTED, request=request, who=who),)
        applications = without_current(applications)
        program = program_of(applications, here)
    elif begun is not None and told is not None and told.id == announced(begun.id):
        outcomes = (_as_announced(told, begun, program.version if program else here.version, here),)
    elif begun is not None and begun.id == applications.request:
        # It had answered; only this was not said any more.
        outcomes = (confirmed(applications, here, begun),)
    elif begun is not None and (trial is None or trial.id != begun.id):
        outcomes = (_cut_short(begun, here, slots),)
    if trial is not None and here.slot and trial.slot != here.slot:
        outcomes = (*outcomes, _slot_given_up(trial, here))
        left = {slot: version for slot, version in slots.versions.items() if slot != trial.slot}
        return Start(program, applications, None, replace(slots, versions=left), outcomes, trial.slot)
    if trial is None and here.slot and slots.answered not in (None, here.slot):
        outcomes = (*outcomes, _another_slot(slots, here))
    return Start(program, applications, trial, slots, outcomes)


def program_of(applications: Applications, here: Here) -> Application | None:
    """A system update brings its own application, which is newer than what ran on the one before."""
    current = applications.current
    return current if current is not None and current.system == here.version else None


def fell_back(
    applications: Applications, here: Here, reason: str, *, request: str = "", who: str = ""
) -> Outcome:
    """From the application that runs to the one before it."""
    current, previous = applications.current, applications.previous
    return Outcome(
        id=request,
        kind="application",
        start=current.version if current else here.version,
        end=previous.version if previous else here.version,
        ok=False,
        what="fell back",
        reason=reason,
        at=here.at,
        who=who,
    )


def confirmed(now: Applications, here: Here, request: Request) -> Outcome:
    """The application that was chosen has answered."""
    return Outcome(
        id=request.id,
        kind="application",
        start=now.previous.version if now.previous else here.version,
        end=now.current.version if now.current else here.version,
        ok=True,
        what="confirmed",
        reason="",
        at=here.at,
        who=request.who,
    )


def unusable(
    applications: Applications, here: Here, reason: str, *, meant: Outcome | None = None
) -> tuple[Applications, Outcome]:
    """The application that was chosen cannot be opened: what is built in has to do. `meant`: what should have
    come of a request by it."""
    chosen = applications.current
    said = f"{chosen.file if chosen else 'it'} cannot be used: {reason}"
    outcome = Outcome(
        id=meant.id if meant else "",
        kind="application",
        start=meant.start if meant else chosen.version if chosen else "",
        end=here.version,
        ok=False,
        what="fell back",
        reason="; ".join(one for one in (meant.reason if meant else "", said) if one),
        at=here.at,
        who=meant.who if meant else "",
    )
    return replace(applications, current=None, trial=False), outcome


def unhealthy(trial: Trial | None, here: Here, troubles: tuple[str, ...]) -> Trial | None:
    """The trial with this reason, after which the machine has to start anew; None when nothing is tried:
    a machine whose slot was good once does not start anew for a service that does not answer."""
    if trial is None or trial.slot != here.slot:
        return None
    return replace(trial, reasons=(*trial.reasons, "; ".join(troubles) or "it did not say why"))


def healthy(trial: Trial | None, slots: Slots, here: Here) -> tuple[Slots, Outcome | None]:
    """All services answer: what the slots hold now, and what has become of a trial of this one. A machine
    that never had a system update has nothing to remember."""
    now = slots
    if slots.versions and here.slot:
        waits = None if slots.waits == here.slot else slots.waits
        now = Slots({**slots.versions, here.slot: here.version}, waits, here.slot)
    if trial is None or trial.slot != here.slot:
        return now, None
    outcome = Outcome(
        id=trial.id,
        kind="system",
        start=trial.start,
        end=here.version,
        ok=True,
        what="went back" if trial.returns else "confirmed",
        reason="",
        at=here.at,
        who=trial.who,
    )
    return now, outcome


def _as_announced(told: Outcome, begun: Request, runs: str, here: Here) -> Outcome:
    """It has come to that, unless nothing has changed. `runs`: the version that is started now."""
    if runs == told.start != told.end:
        return _not_back(begun, here)
    return replace(told, id=begun.id)


def _not_back(begun: Request, here: Here) -> Outcome:
    return Outcome(begun.id, begun.kind, here.version, "", False, "refused", NOT_BACK, here.at, begun.who)


def _cut_short(begun: Request, here: Here, slots: Slots) -> Outcome:
    if begun.do == "back":
        return _not_back(begun, here)
    empty = _emptied(slots, here) if begun.kind == "system" else ""
    lost = f"; slot {empty} holds no system to go back to" if empty else ""
    return Outcome(
        id=begun.id,
        kind=begun.kind,
        start=here.version,
        end="",
        ok=False,
        what="failed" if empty else "refused",
        reason=f"the machine was switched off while it was being installed; what ran before runs{lost}",
        at=here.at,
        who=begun.who,
    )


def _emptied(slots: Slots, here: Here) -> str:
    """The slot beside the one that runs, when it is known to hold no system; else empty."""
    other = {"A": "B", "B": "A"}.get(here.slot, "")
    return other if slots.versions and other not in slots.versions else ""


def _another_slot(slots: Slots, here: Here) -> Outcome:
    """Nobody has asked for it."""
    wanted = slots.answered or ""
    return Outcome(
        id="",
        kind="system",
        start=slots.versions.get(wanted, ""),
        end=here.version,
        ok=False,
        what="fell back",
        reason=f"slot {here.slot} was started: slot {wanted} could not be read, or the memory of the boot "
        "menu was lost; if that was it, go back",
        at=here.at,
    )


def _slot_given_up(trial: Trial, here: Here) -> Outcome:
    reason = "; ".join(
        f"try {number}: {reason}" for number, reason in enumerate(dict.fromkeys(trial.reasons), 1)
    )
    return Outcome(
        id=trial.id,
        kind="system",
        start=trial.version,
        end=here.version,
        ok=False,
        what="fell back",
        reason=reason or f"slot {trial.slot} did not start, or was switched off before it answered",
        at=here.at,
        who=trial.who,
    )
