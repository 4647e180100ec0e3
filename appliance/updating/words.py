"""What is said of updates. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from appliance.updating.memory import Job, Told
from appliance.updating.root_side import Ended
from appliance.updating.shelf import Found
from db.stepping_back import Before
from firmware.update.judging import Running, Verdict, judged
from firmware.versions import parse_version
from shell.update_ports import Notice, Outcome, Standing, Update, UpdateState

LOOK = "update history tells of those before; update seen ends this"


def state_of(job: Job, doing: str = "begins", percent: int = 0) -> UpdateState:
    return UpdateState(job.number, job.what, job.name, job.user or "somebody", job.began, doing, percent)


def failed(state: UpdateState, message: str, hint: str = "") -> UpdateState:
    return replace(state, doing="", done=True, failed=True, result=message, hint=hint)


def done(state: UpdateState, result: str, hint: str = "") -> UpdateState:
    return replace(state, doing="", percent=100, done=True, result=result, hint=hint)


def ended(state: UpdateState, outcome: Outcome, put_back: str = "") -> UpdateState:
    match outcome.what:
        case "installed" if outcome.ok:
            return done(state, f"{outcome.end} is installed in the other slot", "update reboot starts it")
        case "confirmed" if outcome.ok:
            return done(state, f"{outcome.end} runs, and everything answers")
        case "went back" if outcome.ok:
            said = f"{outcome.end} runs again, and everything answers"
            return done(state, f"{said}; {put_back}" if put_back else said)
        case "went back":
            return failed(state, f"{outcome.end} was started again: {outcome.reason}", "the log says more")
        case "fell back":
            return failed(state, _fell_back(outcome, put_back), "the log says more; try another version")
        case _ if outcome.ok:
            return done(state, outcome.reason or outcome.what)
        case "refused":
            return failed(state, outcome.reason or outcome.what, "nothing has changed")
    return failed(state, outcome.reason or outcome.what, "what runs has not changed")


def _fell_back(outcome: Outcome, put_back: str) -> str:
    why = outcome.reason or "the new one did not answer"
    said = f"{outcome.end or 'the version before'} runs again: {outcome.start or 'the new one'}: {why}"
    return f"{said}; {put_back}" if put_back else said


def key_of(outcome: Ended) -> str:
    """By which it is known that somebody has seen it."""
    return f"{outcome.id} {outcome.told.what} {outcome.told.at.isoformat()}"


def notices(last: Ended | None, told: Told, put_back: str) -> tuple[Notice, ...]:
    found = []
    if last is not None and key_of(last) != told.seen:
        found.append(_of_outcome(last.told, put_back))
    if told.backup_since:
        text = f"Make a new backup: those made before this update hold the schema {told.was} of the store"
        found.append(Notice(f"{text}, and show the old state.", "backup makes one now", "backup"))
    return tuple(found)


def lost_by_back(kept: Before | None, schema: str, known: str | None) -> tuple[str, ...]:
    """What becomes of the store, which has `schema`, when the version before runs again. `known`: the newest
    schema that it reads; None: nobody knows."""
    if known is not None and known >= schema:
        return ()
    if known is not None and (kept is None or known < kept.schema):
        reads = f"What ran before reads a store up to schema {known}, and this one has {schema}"
        return (f"{reads}; none from before is kept that it reads. It does not run then.",)
    if kept is None:
        return ()
    unless = "" if known else f"Unless what ran before reads schema {schema}: "
    back = f"the store is again as it was on {kept.at.astimezone():%Y-%m-%d %H:%M}, with schema {kept.schema}"
    said = f"{unless}{back}. What was written since is kept in a file beside it, and shown no more."
    return (said[0].upper() + said[1:],)


def _of_outcome(outcome: Outcome, put_back: str) -> Notice:
    when = f"{outcome.at.astimezone():%Y-%m-%d %H:%M}"
    move = f"from {outcome.start} to {outcome.end}" if outcome.start and outcome.end else outcome.end
    if outcome.what == "fell back" and outcome.start:
        move = f"to {outcome.start}"
    head = f"Update {move}, {when}".replace("Update ,", "Update,")
    match outcome.what:
        case "went back" if outcome.ok:
            more = f"; {put_back}" if put_back else ""
            return Notice(f"{head}: the version before runs again{more}.", LOOK)
        case "installed" if outcome.ok:
            return Notice(f"{head}: installed in the other slot.", "update reboot starts it")
        case "confirmed" if outcome.ok:
            return Notice(f"{head}: done, everything answers.", LOOK)
        case "fell back":
            return Notice(f"{head}: {_fell_back(outcome, put_back)}.", LOOK)
    return Notice(f"{head}: {outcome.what}: {outcome.reason}".rstrip(": ") + ".", LOOK)


def listing(found: Sequence[Found], running: Running, stands: dict[str, Standing]) -> tuple[Update, ...]:
    """Newest version first; those that are no use last. `stands`: by name, of those that are not merely
    there."""
    shown = [update_of(each, running, stands.get(each.name)) for each in found]
    shown.sort(key=lambda each: parse_version(each.version or "0.0"), reverse=True)
    return tuple(sorted(shown, key=lambda each: each.state == "refused"))


def update_of(found: Found, running: Running, standing: Standing | None) -> Update:
    if found.sheet is None:
        return Update(
            found.name, found.size, "refused", verdict_reason=found.problem, hint=found.hint or "delete it"
        )
    sheet, verdict = found.sheet, judged(found.sheet, running)
    return Update(
        found.name,
        found.size,
        standing or ("ready" if verdict.installable or not running.slot else "refused"),
        sheet.kind,
        sheet.version,
        installable=verdict.installable,
        downgrade=verdict.downgrade,
        verdict_reason=verdict.reason,
        hint=hint_of(found.name, verdict),
        effects=verdict.effects,
        signer=sheet.signer,
        built_at=sheet.built_at,
        reboots=sheet.restart == "reboot",
        notes=sheet.notes,
    )


def hint_of(name: str, verdict: Verdict) -> str:
    return f"update install {name} downgrade" if verdict.downgrade and verdict.installable else verdict.hint
