"""A restore from the archive to the exchange, and what is done about one that was killed.

In a process that has the store not open: whoever closes a file loses all its locks on it (POSIX).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pysqlite3

from db.backup.manifest import STORE
from db.errors import StoreError, StoreUnavailableError
from db.exchange import exchanging
from db.repair import files as exchanged
from db.repair.building import finish
from db.repair.kept import clear
from db.restore import configuration, placing
from db.restore.building import build, is_readable, take_since
from db.restore.job import Folder, Job, Left, Step, ended, left_by
from db.restore.plan import is_whole

ALONE_WITHIN = 30.0
AGAIN = "begin it again: restore"
KILLED = "it was killed, and undone: the state is as it was"
AS_IT_WAS = "make room, or mend the disk; the state is as it was"

FORMER = 3
"""Stores from before a restore that are kept beside the store."""

At = Callable[[Job], None]


def exchange(folder: Folder, job: Job, tell: At, url: str = "") -> Job:
    """Carry out `job`, whose archive has been read, up to the exchange; what became of it. Whatever goes
    wrong, the state is as it was. `url`: of the server, where the store is in one."""
    if job.server:
        from db.restore import server  # it loads what speaks to servers

        return server.exchange(folder, job, url, tell)
    files = files_of(job)
    try:
        with exchanging(files.path, ALONE_WITHIN):
            return _exchange(folder, job, files, tell)
    except (StoreError, OSError) as exc:
        done = undone(folder, job, str(exc), exc.hint if isinstance(exc, StoreError) else AS_IT_WAS)
    tell(done)
    return done


def go_back(folder: Folder, job: Job, why: str, tell: At, url: str = "") -> Job:
    """Put the former store and files in their places again, because of `why`; what became of it. Raises
    StoreError, OSError: then the restored ones stay, and it may be tried again."""
    former = files_of(job)
    if not former.kept.is_file() or not is_readable(former.kept):
        done = replace(job, step=Step.DONE, failed=True, ended=now(), result=why,
                       hint="the former store was damaged or missing: the restored one stays")  # fmt: skip
        folder.keep(done)
        tell(done)
        return done
    job = step(folder, replace(job, result=why), tell, Step.GO_BACK)
    done = _gone_back_on_server(folder, job, why, url) if job.server else _gone_back(folder, job, why)
    folder.keep(done)
    forget(folder)
    tell(done)
    return done


def _gone_back_on_server(folder: Folder, job: Job, why: str, url: str) -> Job:
    from db.restore import server

    return server.go_back(folder, job, why, url)


def _gone_back(folder: Folder, job: Job, why: str) -> Job:
    former = files_of(job)
    back = exchanged.Files(Path(job.store), job.stamp, new="going-back", kept="restored")
    with exchanging(back.path, ALONE_WITHIN), explained():
        back.keep()
        back.new.unlink(missing_ok=True)
        with closing(pysqlite3.connect(str(former.kept), isolation_level=None)) as raw:
            raw.execute("VACUUM INTO ?", (str(back.new),))
        back.new.chmod(0o600)
        take_since(back.new, back.path, datetime.fromisoformat(job.began))
        finish(back.new, max(job.floor, revision(back.path)))
        placing_of(folder, job).put_back()
        back.exchange()
    return gone_back(job, why)


def gone_back(job: Job, why: str) -> Job:
    return replace(job, step=Step.UNDONE, failed=True, ended=now(), hint="the former state is back",
                   result=f"the restored state did not do: {why}")  # fmt: skip


def recover(folder: Folder, url: str = "") -> Job | None:
    """Finish or undo a restore that was killed, before anybody opens the store; the job, if there was one to
    look after. One that is at LOOK afterwards is to be looked at when the services run. Raises
    StoreUnavailableError while another process exchanges the store, or the server (`url`) does not answer;
    OSError."""
    job = folder.job()
    if job is None or ended(job.step):
        forget(folder)  # what somebody only looked through
        return None
    files = files_of(job)
    match left_by(job.step):
        case Left.UNDO:
            return undone(folder, job, KILLED, AGAIN)
        case Left.FINISH if job.server:
            from db.restore import server

            return server.recover(folder, job, url)
        case Left.FINISH:
            with exchanging(files.path, ALONE_WITHIN):
                if files.new.exists() and not files.half_exchanged and files.state() != job.was:
                    return undone(folder, job, "somebody has written to the store since", AGAIN)
                files.exchange()
            job = replace(job, step=Step.LOOK)
        case Left.GO_BACK:
            return go_back(folder, job, job.result, lambda _: None, url)
        case Left.LOOK | Left.NOTHING:
            job = replace(job, step=Step.LOOK)
    folder.keep(job)
    return job


def done(folder: Folder, job: Job) -> Job:
    """Everything answers: what is there from before is wanted no more, but for the store that was."""
    placing_of(folder, job).forget()
    forget(folder)
    _thin(job)
    what = "everything" if is_whole(job.kinds) else " and ".join(job.kinds)
    finished = replace(job, step=Step.DONE, ended=now(), result=f"{what} restored from {job.archive}")
    folder.keep(finished)
    return finished


def _thin(job: Job) -> None:
    """Of the stores that were there before restores, the last ones stay. Their names are in the order of
    time."""
    kept = files_of(job).kept
    pattern = kept.name.replace(job.stamp, "[0-9]*[0-9]")
    for old in sorted(kept.parent.glob(pattern))[:-FORMER]:
        for each in kept.parent.glob(old.name + "*"):
            each.unlink(missing_ok=True)


def undone(folder: Folder, job: Job, result: str, hint: str) -> Job:
    files = files_of(job)
    files.undo()
    if job.server:
        clear(files.kept)  # it has never been anything but a copy
    placing_of(folder, job).put_back()
    forget(folder)
    found = replace(job, step=Step.UNDONE, result=result, hint=hint, failed=True, ended=now())
    folder.keep(found)
    return found


def forget(folder: Folder) -> None:
    """What was unpacked."""
    shutil.rmtree(folder.unpacked, ignore_errors=True)


def files_of(job: Job) -> exchanged.Files:
    return exchanged.Files(Path(job.store), job.stamp, new="restoring", kept="before-restore")


def now() -> str:
    return datetime.now(UTC).isoformat()


def _exchange(folder: Folder, job: Job, files: exchanged.Files, tell: At) -> Job:
    job = step(folder, job, tell, Step.BUILD)
    files.keep()
    present = files.path if is_readable(files.path) else None
    with explained():
        built = build(folder.unpacked / STORE, present, files.new, job.kinds)
    finish(files.new, max(job.floor, revision(files.path) if present else 0))
    job = place(folder, replace(job, notes=built.left_out), tell)
    job = step(folder, replace(job, was=files.state()), tell, Step.EXCHANGE)
    files.exchange()
    return step(folder, job, tell, Step.START_WEB)


def place(folder: Folder, job: Job, tell: At) -> Job:
    """Its files."""
    job = step(folder, job, tell, Step.FILES)
    placed = placing_of(folder, job)
    placed.place(job.kinds)
    if not placed.configuration.is_dir():
        return job
    note = f"the configuration is not put in place, it is in {placed.configuration}"
    return replace(job, notes=(*job.notes, f"{note}; {configuration.differences(placed.theirs, job.config)}"))


def at(folder: Folder, job: Job, step: Step) -> Job:
    """The job at another step, kept."""
    job = replace(job, step=step)
    folder.keep(job)
    return job


def step(folder: Folder, job: Job, tell: At, to: Step) -> Job:
    job = at(folder, job, to)
    tell(job)
    return job


def placing_of(folder: Folder, job: Job) -> placing.Files:
    return placing.Files(Path(job.state), folder.unpacked, folder.aside(job))


def revision(path: Path) -> int:
    with closing(pysqlite3.connect(str(path), timeout=5, isolation_level=None)) as raw:
        return int(raw.execute("SELECT max(number) FROM revision").fetchone()[0] or 0)


@contextmanager
def explained() -> Iterator[None]:
    """What SQLite says, as an error of the store."""
    try:
        yield
    except pysqlite3.Error as exc:
        said = " ".join(str(exc).split())
        raise StoreUnavailableError(f"the store cannot be made: {said}", hint=AS_IT_WAS) from exc
