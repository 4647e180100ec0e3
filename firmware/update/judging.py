"""May this update be installed here, and what would it do? Pure.

Whether it is signed and whole was asked before. Nothing here lets anything pass that was not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firmware.update.sheet import COMPATIBLE, Sheet
from firmware.versions import Version, VersionError, parse_version


@dataclass(frozen=True, slots=True)
class Running:
    """`schema`: of the store. `slot`: which was booted; "" on a machine that was not made from an image.
    `application`: the file of the application bundle that runs, "" for what the system has built in.
    `kernel`: of the system that runs; "" when it is not known."""

    version: str
    schema: str
    base: str
    slot: Literal["", "A", "B"] = ""
    application: str = ""
    kernel: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`installable`: at all; with `downgrade` only when the administrator says so. `reason`, `hint`: why it
    is not, or not without that word; empty otherwise. `effects`: what it does, a line each for people."""

    installable: bool
    reason: str = ""
    hint: str = ""
    downgrade: bool = False
    effects: tuple[str, ...] = ()

    def allows(self, *, downgrade: bool) -> bool:
        """Whether it may be installed now. `downgrade`: the word was said."""
        return self.installable and (downgrade or not self.downgrade)


def judged(sheet: Sheet, running: Running) -> Verdict:
    effects = _effects(sheet, running)
    if refusal := _refusal(sheet, running):
        reason, hint = refusal
        return Verdict(installable=False, reason=reason, hint=hint, effects=effects)
    if _is_older(sheet.version, running.version):
        return Verdict(
            installable=True,
            reason=f"{sheet.version} is older than {running.version}, which runs here",
            hint="say that it is meant to be a downgrade",
            downgrade=True,
            effects=effects,
        )
    return Verdict(installable=True, effects=effects)


def _refusal(sheet: Sheet, running: Running) -> tuple[str, str] | None:
    """Why, and what is right."""
    if sheet.compatible != COMPATIBLE[sheet.kind]:
        return (
            f"it is for {sheet.compatible}, and this is {COMPATIBLE[sheet.kind]}",
            "take the update for this machine",
        )
    if not running.slot:
        return (
            "this machine was not made from an image: it has no slots to write to",
            "update it the way it was installed",
        )
    if sheet.kind == "application" and sheet.base != running.base:
        return (
            f"it needs a system with {sheet.base}, and this one has {running.base or 'another one'}",
            f"install the system update of {sheet.version}, which brings both",
        )
    if sheet.kind == "system" and running.kernel and sheet.kernel != running.kernel:
        return (
            f"it has the kernel {sheet.kernel or 'of another kind'}, and this machine runs {running.kernel}",
            f"take the update of {sheet.version} with the kernel {running.kernel}; another has other drivers",
        )
    if running.schema > sheet.schema:
        return (
            f"the store has schema {running.schema}, and {sheet.version} knows those up to {sheet.schema}",
            "an older version cannot read this store: flash it, and restore a backup that it made",
        )
    if running.schema and running.schema < sheet.oldest_schema:
        return (
            f"it takes over stores from schema {sheet.oldest_schema} on, and this one has {running.schema}",
            f"install a version between {running.version} and {sheet.version} first",
        )
    return None


def _effects(sheet: Sheet, running: Running) -> tuple[str, ...]:
    lines = [_what(sheet, running), _outage(sheet), *_store(sheet, running)]
    if sheet.kind == "system" and running.application:
        lines.append("The application update that runs now is replaced by the application of this system.")
    return tuple(lines)


def _what(sheet: Sheet, running: Running) -> str:
    way = (
        f"{running.version} again"
        if running.version == sheet.version
        else f"{running.version} to {sheet.version}"
    )
    if sheet.kind == "application":
        return f"Application: {way}. The system below it stays."
    return f"System and application: {way}, into the other slot."


def _outage(sheet: Sheet) -> str:
    lasting = duration(sheet.outage_s)
    match sheet.restart:
        case "services":
            return f"The services start anew: nobody is served for about {lasting}, and calls are cut."
        case "reboot":
            return (
                f"It runs after a reboot: nobody is served for about {lasting}, and calls are cut. "
                "Until then nothing changes."
            )


def _store(sheet: Sheet, running: Running) -> tuple[str, ...]:
    if not running.schema or running.schema >= sheet.schema:
        moved: tuple[str, ...] = ("The store stays as it is.",)
    else:
        moved = (
            f"The store goes from schema {running.schema} to {sheet.schema}. If {sheet.version} does not "
            f"answer, {running.version} comes back with the store as it was.",
            f"Backups made afterwards cannot be restored by {running.version}.",
        )
    if int(sheet.oldest_schema) > 1:
        moved = (*moved, f"Backups with a schema older than {sheet.oldest_schema} can no longer be restored.")
    return moved


def _is_older(one: str, other: str) -> bool:
    return _parsed(one) < _parsed(other)


def _parsed(text: str) -> Version:
    """What runs may be of a version that is none of ours: anything is newer than that."""
    try:
        return parse_version(text)
    except VersionError:
        return Version(0, 0)


def duration(seconds: float) -> str:
    """Such as `2 s`, `1.5 s` or `3 min`: an estimate, so no more digits than it is worth."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f}".removesuffix(".0") + " s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
