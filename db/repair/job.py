"""A repair, as it is kept on the disk while it goes on and as the last one afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from db.repair.steps import Step


@dataclass(frozen=True, slots=True)
class Job:
    """`stamp` names it and its files; `who` began it; `store`: its file, or the server's URL without
    secrets; `floor`: the store's last revision that is known.
    `force`: also when the store is sound. `was`: the damaged files when they were kept. `result`: what came
    of it, in words; `failed`: that is bad news."""

    stamp: str
    who: str
    began: str
    store: str
    floor: int = 0
    force: bool = False
    step: Step = Step.STOP_WEB
    was: tuple[int, ...] = ()
    result: str = ""
    hint: str = ""
    failed: bool = False
    ended: str = ""

    @property
    def of_server(self) -> bool:
        return "://" in self.store

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "step": self.step.name}


def new(who: str, store: Path | str, floor: int, at: datetime, *, force: bool) -> Job:
    return Job(f"{at:%Y%m%d-%H%M%S}", who, at.isoformat(), str(store), floor, force)


def of_json(found: Mapping[str, Any]) -> Job:
    """Raises ValueError for what is no job."""
    try:
        values = {**found, "step": Step[str(found["step"])], "was": tuple(found.get("was", ()))}
        return Job(**values)
    except (KeyError, TypeError) as exc:
        raise ValueError(f"no repair job: {exc}") from exc


class Folder:
    """Where the job and the reports are: `<state>/repair`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def job(self) -> Job | None:
        """The last one; None also when the file cannot be read."""
        try:
            found = json.loads((self.path / "job.json").read_text(encoding="utf-8"))
            return of_json(found) if isinstance(found, dict) else None
        except (OSError, ValueError):
            return None

    def keep_job(self, job: Job) -> None:
        self._write("job.json", job.as_json())

    def keep_report(self, stamp: str, report: Mapping[str, Any]) -> Path:
        return self._write(f"{stamp}.json", report)

    def forget_report(self, stamp: str) -> None:
        (self.path / f"{stamp}.json").unlink(missing_ok=True)

    def reports(self) -> list[dict[str, Any]]:
        """Newest first."""
        found = []
        for path in sorted(self.path.glob("[0-9]*.json"), reverse=True):
            try:
                report = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(report, dict):
                found.append(report)
        return found

    def _write(self, name: str, content: Mapping[str, Any]) -> Path:
        """Whole or not at all, also after a power cut; for its owner only: rows are named in it."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        path = self.path / name
        neighbour = path.with_name(name + ".new")
        handle = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(handle)
        neighbour.replace(path)
        sync_folder(self.path)
        return path


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
