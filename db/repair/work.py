"""A repair from the first step to the exchange, and what is done about one that was killed.

In a process that has the store not open: whoever closes a file loses all its locks on it (POSIX).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from db.errors import StoreError, StoreUnavailableError
from db.exchange import exchanging
from db.repair import report
from db.repair.building import build, finish
from db.repair.diagnosis import diagnose
from db.repair.files import Files
from db.repair.job import Folder, Job
from db.repair.sources import NoSources, Sources
from db.repair.steps import Left, Step, ended, left_by

ALONE_WITHIN = 30.0
SOUND = "the store is sound: nothing was done"
AGAIN = "begin it again: repair start"
Tell = Callable[[Job], None]


def repair(folder: Folder, job: Job, tell: Tell, sources: Sources | None = None) -> Job:
    """Carry out `job` up to the exchange; what became of it. Whatever goes wrong, the store is as it was.
    Callers stop what they can do without before, and start it again after."""
    files = Files(Path(job.store), job.stamp)
    with ExitStack() as undo:
        try:
            undo.enter_context(exchanging(files.path, ALONE_WITHIN))
            done = _repair(folder, job, files, tell, sources or NoSources())
        except (StoreError, OSError) as exc:
            hint = (
                exc.hint
                if isinstance(exc, StoreError)
                else "make room, or mend the disk; the store is as it was"
            )
            done = _undone(folder, job, files, str(exc), hint)
    tell(done)
    return done


def recover(folder: Folder) -> Job | None:
    """Finish or undo a repair that was killed; the job, if there was one to look after. Before anybody opens
    the store. Raises StoreUnavailableError while another process repairs it, OSError."""
    job = folder.job()
    if job is None or ended(job.step):
        return None
    if job.of_server:  # an index that was not finished is the old one
        killed = "it was killed: indexes that are not made anew are as they were"
        done = replace(job, step=Step.UNDONE, result=killed, hint=AGAIN, failed=True, ended=_now())
        folder.keep_job(done)
        return done
    files = Files(Path(job.store), job.stamp)
    with exchanging(files.path, ALONE_WITHIN):
        job = folder.job() or job
        match left_by(job.step):
            case Left.FINISH if files.half_exchanged or not files.new.exists() or files.state() == job.was:
                files.exchange()
                done = replace(job, step=Step.DONE, result=_result(folder, job), ended=_now())
            case Left.UNDO | Left.FINISH:
                return _undone(folder, job, files, "it was killed, and undone", AGAIN)
            case Left.NOTHING:
                done = replace(job, step=Step.DONE, result=job.result or _result(folder, job), ended=_now())
        folder.keep_job(done)
        return done


def _repair(folder: Folder, job: Job, files: Files, tell: Tell, sources: Sources) -> Job:
    def at(step: Step, **changes: Any) -> Job:
        found = replace(job, step=step, **changes)
        folder.keep_job(found)
        tell(found)
        return found

    job = at(Step.KEEP)
    files.keep()
    job = at(Step.LOOK, was=files.state())
    found = diagnose(files.path, sources.journal, with_rows=False)
    if found.verdict == "sound" and not job.force:
        return _undone(folder, job, files, SOUND, "", failed=False)
    if found.verdict == "missing":
        raise StoreUnavailableError(
            found.findings[0], hint="put a copy of it back, or make a new one: callisto init"
        )
    job = at(Step.BUILD)
    built = build(files.kept, files.kept_log, files.new, found, sources, floor=job.floor)
    job = at(Step.CHECK)
    built = replace(built, revision=finish(files.new, job.floor))
    if files.state() != job.was:
        raise StoreUnavailableError(
            "somebody wrote to the store while it was being repaired",
            hint="stop programs of others that have it open, and begin again: repair start",
        )
    told = report.of(job, files, found, built, datetime.now(UTC))
    folder.keep_report(job.stamp, told)
    job = at(Step.EXCHANGE, result=report.in_a_line(told))
    files.exchange()
    return at(Step.START_WEB)


def _undone(folder: Folder, job: Job, files: Files, result: str, hint: str, *, failed: bool = True) -> Job:
    files.undo()
    folder.forget_report(job.stamp)
    done = replace(job, step=Step.UNDONE, result=result, hint=hint, failed=failed, ended=_now())
    folder.keep_job(done)
    return done


def _result(folder: Folder, job: Job) -> str:
    found = next((each for each in folder.reports() if each.get("stamp") == job.stamp), None)
    return report.in_a_line(found) if found else "the store is repaired"


def _now() -> str:
    return datetime.now(UTC).isoformat()
