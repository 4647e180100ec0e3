"""The planned restarts: when next, when last, and how that went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from db.variables.states import VariableState
from db.variables.values import Weekly
from shell.layout import Cell, day_and_time, moment, table
from shell.pages import words
from shell.ports import JobRun, Services, Status, SystemUnavailableError
from shell.reading import instant, tables, text
from shell.registry import Context
from shell.reply import Reply
from shell.term import Line, Span, Style

RUNS = 20


async def show_jobs(context: Context, _arguments: tuple[str, ...]) -> Reply:
    services = context.services
    planned, note = await _planned(services)
    runs = await services.jobs.latest(RUNS)
    lines: list[Line] = [*note, *plan_table(context, planned)]
    if runs:
        lines.extend(("", (Span("Latest runs", Style.TITLE),), *_run_table(context, runs)))
    return Reply(tuple(lines), {"planned": planned, "runs": [_run_data(run) for run in runs]})


def plan(status: Status) -> list[dict[str, Any]]:
    """The supervisor's jobs, with the keys that are promised."""
    return [
        {key: job.get(key) for key in ("name", "variable", "next_run", "last_run", "last_result")}
        for job in tables(status, "jobs")
    ]


def plan_table(context: Context, planned: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    zone = context.services.zone
    rows: list[tuple[Cell, ...]] = []
    for job in planned:
        due, last = instant(job, "next_run"), instant(job, "last_run")
        when = (
            f"{moment(last, zone)}: {text(job, 'last_result')}" if last else _not_yet(job, planned=bool(due))
        )
        rows.append((text(job, "name"), day_and_time(due, zone) if due else "never", when))
    if not rows:
        return ("No restart is planned; gWebServerRestart plans one.",)
    return table(rows, context.table_width, heading=("Job", "Next", "Last"))


def _not_yet(job: Mapping[str, Any], *, planned: bool) -> str:
    return "has not run yet" if planned else f"{text(job, 'variable')} plans it"


async def _planned(services: Services) -> tuple[list[dict[str, Any]], tuple[Line, ...]]:
    """From the supervisor; while it does not answer, worked out from the variables."""
    try:
        return plan(await services.system.status()), ()
    except SystemUnavailableError as exc:
        note = (Span(f"The supervisor does not answer ({exc}); worked out from the variables:", Style.BAD),)
        states = await services.variables.all()
        return [_worked_out(state, services) for state in states if _is_plan(state)], (note,)


def _is_plan(state: VariableState) -> bool:
    return (
        isinstance(state.variable.values, Weekly)
        and "scheduler" in state.variable.read_by
        and bool(state.value)
    )


def _worked_out(state: VariableState, services: Services) -> dict[str, Any]:
    runs = words.next_runs(state.variable, state.value, services.now(), services.zone)
    name = state.variable.name
    return {
        "name": name,
        "variable": name,
        "next_run": runs[0].isoformat() if runs else None,
        "last_run": None,
        "last_result": None,
    }


def _run_table(context: Context, runs: Sequence[JobRun]) -> tuple[Line, ...]:
    zone = context.services.zone
    rows = [(moment(run.due, zone), run.name, _started(run.started, context), run.result) for run in runs]
    return table(rows, context.table_width, heading=("Due", "What", "Started", "Result"))


def _started(at: datetime | None, context: Context) -> str:
    return f"{at.astimezone(context.services.zone):%H:%M:%S}" if at else "not"


def _run_data(run: JobRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "variable": run.variable,
        "due": run.due.isoformat(),
        "started": run.started.isoformat() if run.started else None,
        "finished": run.finished.isoformat() if run.finished else None,
        "result": run.result,
    }
