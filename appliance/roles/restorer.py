"""The process that restores a backup: it reads it, says what would change, or puts it in place. Started by
the supervisor, for one of these each time: a process that has the store open must not read its file
(docs/decisions/0013), and reading keeps a processor busy.

What to do comes on standard input, so that a password is in no list of processes and in no file.
"""

from __future__ import annotations

import json
import logging
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance import logs
from appliance.backup_source import source_of
from appliance.config import Config
from appliance.marks import RESTORE as MARK
from db.backup.folder import pieces
from db.backup.progress import Progress
from db.errors import StoreError
from db.restore import rehearsal, work
from db.restore.job import Folder, Job, Step, of_json

log = logging.getLogger(__name__)

DONE, REFUSED = 0, 1
TELL_EVERY = 0.2


def main(config: Config) -> int:
    logs.set_up("restore")
    asked = json.load(sys.stdin)
    try:
        return _do(config, asked)
    except StoreError as exc:
        _say({"refused": exc.message, "hint": exc.hint})
    except OSError as exc:
        _say({"refused": f"the disk fails: {exc.strerror or exc}", "hint": "look at the disk and its room"})
    except Exception:
        log.exception("the restore has failed")
    return REFUSED


def _do(config: Config, asked: Mapping[str, Any]) -> int:
    folder, job = Folder(config.restores), of_json(asked["job"])
    match asked["do"]:
        case "rehearse":
            try:
                _say({"plan": _rehearsed(config, folder, job, asked)})
            finally:
                work.forget(folder)
        case "read":
            _read(folder, asked)
            job = _at(folder, job, Step.SAVE)
            file = Path(asked["config"]) if asked["config"] else None
            _told(rehearsal.save(job, source_of(config, file), platform.node(), asked["password"], _Told()))
        case "exchange":
            return REFUSED if work.exchange(folder, job, _told, config.store_url).failed else DONE
        case "go back":
            work.go_back(folder, job, asked["why"], _told, config.store_url)
    return DONE


def _rehearsed(config: Config, folder: Folder, job: Job, asked: Mapping[str, Any]) -> dict[str, Any]:
    manifest = _read(folder, asked)
    return rehearsal.rehearse(folder, job, manifest, asked["user"], config.store_url).as_json()


def _read(folder: Folder, asked: Mapping[str, Any]) -> Any:
    return rehearsal.read(folder, pieces(Path(asked["file"])), asked["password"], _Told())


def _at(folder: Folder, job: Job, step: Step) -> Job:
    job = work.at(folder, job, step)
    _told(job)
    return job


def _told(job: Job) -> None:
    _say({"job": job.as_json()})


class _Told:
    """Not more often than somebody can look."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, now: Progress) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + TELL_EVERY
            _say({"doing": now.doing})


def _say(what: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{MARK}{json.dumps(what)}\n")
    sys.stdout.flush()
