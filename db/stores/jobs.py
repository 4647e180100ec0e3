"""What scheduled jobs did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select

from db import tables
from db.engine import Database
from db.text import kept


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run, or one that was missed: then `started` and `finished` are None. Times are aware.

    `variable`: the system variable that plans it.
    """

    name: str
    variable: str
    due: datetime
    started: datetime | None
    finished: datetime | None
    result: str

    @property
    def late_s(self) -> float | None:
        """Seconds from due to started."""
        return None if self.started is None else (self.started - self.due).total_seconds()


class JobRuns:
    """Does not raise the revision: no process acts on it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, run: JobRun) -> None:
        row = {
            "name": kept(run.name, 100),
            "variable": kept(run.variable, 64),
            "due": run.due,
            "started": run.started,
            "finished": run.finished,
            "late_s": run.late_s,
            "result": kept(run.result, 1000),
        }
        self._database.record(lambda connection: connection.execute(insert(tables.job_run).values(row)))

    def last(self, name: str) -> JobRun | None:
        """Of the job of that name."""
        query = select(tables.job_run).where(tables.job_run.c.name == name)
        newest = query.order_by(tables.job_run.c.id.desc()).limit(1)
        row = self._database.read(lambda connection: connection.execute(newest).one_or_none())
        return _run_of(row) if row else None

    def latest(self, limit: int = 50, variable: str | None = None) -> tuple[JobRun, ...]:
        """Newest first; of one variable, or of all."""
        query = select(tables.job_run).order_by(tables.job_run.c.id.desc()).limit(limit)
        if variable is not None:
            query = query.where(tables.job_run.c.variable == variable)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return tuple(map(_run_of, rows))


def _run_of(row: Row[Any]) -> JobRun:
    return JobRun(row.name, row.variable, row.due, row.started, row.finished, row.result)
