"""A repair, as it is kept on the disk while it goes on and as the last one afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from db.repair.steps import Step
from db.whole import read_json, write_json


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
        found = read_json(self.path / "job.json")
        with suppress(ValueError):
            return of_json(found) if found else None
        return None

    def keep_job(self, job: Job) -> None:
        write_json(self.path / "job.json", job.as_json())

    def keep_report(self, stamp: str, report: Mapping[str, Any]) -> Path:
        path = self.path / f"{stamp}.json"
        write_json(path, report)
        return path

    def forget_report(self, stamp: str) -> None:
        (self.path / f"{stamp}.json").unlink(missing_ok=True)

    def reports(self) -> list[dict[str, Any]]:
        """Newest first."""
        paths = sorted(self.path.glob("[0-9]*.json"), reverse=True)
        return [report for report in map(read_json, paths) if report is not None]
