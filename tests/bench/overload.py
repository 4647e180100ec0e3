"""Twice the calls that can be carried: what becomes of those that are taken and of those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

from appliance.demo.local import free_port
from appliance.demo.phones import end
from tests.bench.callisto import Callisto
from tests.bench.figures import Fate, percentile
from tests.bench.load import Outcome, phone, place_calls
from tests.bench.page import Mark, Section, at_most, number
from tests.bench.rates import settle

FIRST, STEP, TRIES = 400, 100, 10
TRY_S = 3
OVERLOAD_S = 10
NORMAL_RATE, NORMAL_S = 100, 10
"""Of the load that follows the overload at once."""
REFUSED_P99_MS = 100.0
NORMAL_WITHIN_S = 5.0


def measure(program: str, folder: Path, conditions: Sequence[str]) -> Section:
    with ExitStack() as running:
        answering = free_port()
        running.callback(end, phone(program, answering, "phone", folder / "phone"))
        ours = Callisto(folder / "callisto", answering, answering)
        running.callback(ours.stop)
        ours.start()
        carried = _carried(program, ours, folder)
        overload, after = _overload(program, ours, 2 * carried, folder)
        told = (folder / "overload" / "logs.txt").read_text() if overload.fates else ""
        facts = ours.facts()
    return Section(
        "overload",
        tuple(conditions),
        _marks(overload.fates, after.fates, told.count("later ")),
        _words(carried, overload, after, facts),
    )


def _carried(program: str, ours: Callisto, folder: Path) -> int:
    """The highest rate, step by step, at which every call was taken and ended well."""
    carried = FIRST // 2
    for rate in range(FIRST, FIRST + TRIES * STEP, STEP):
        outcome = _place(program, ours, rate, TRY_S, folder / f"try{rate}")
        good = sum(fate.succeeded for fate in outcome.fates)
        print(f"{rate}/s: {good} of {outcome.calls} ended well", flush=True)
        if ours.pid:
            settle([ours.pid])
        if good < outcome.calls:
            break
        carried = rate
    return carried


def _overload(program: str, ours: Callisto, rate: int, folder: Path) -> tuple[Outcome, Outcome]:
    """The overload, and the load after it, which a caller of its own begins while the other's calls end."""
    found: list[Outcome] = []

    def place() -> None:
        found.append(_place(program, ours, rate, OVERLOAD_S, folder / "overload"))

    placing = Thread(target=place, name="overload")
    placing.start()
    placing.join(OVERLOAD_S)
    after = _place(program, ours, NORMAL_RATE, NORMAL_S, folder / "after")
    placing.join()
    return found[0], after


def _place(program: str, ours: Callisto, rate: int, seconds: int, folder: Path) -> Outcome:
    return place_calls(
        program,
        ours.port,
        ours.number,
        rate=rate,
        calls=rate * seconds,
        scenario="caller_or_refused",
        folder=folder,
        options=("-trace_logs", "-log_file", "logs.txt"),
    )


def _marks(overload: Sequence[Fate], after: Sequence[Fate], told_later: int) -> tuple[Mark, ...]:
    refused = sorted(fate.refused_ms for fate in overload if fate.refused_ms is not None)
    lost = sum(not fate.succeeded and fate.refused_ms is None for fate in overload)
    p99 = percentile(refused, 0.99)
    normal = normal_after(overload, after)
    return (
        Mark("every call that was taken ends well", f"{lost} did not", lost == 0),
        Mark(
            "every refused call is told when to try again (503 with Retry-After)",
            f"{told_later} of {len(refused)}",
            told_later >= len(refused) if refused else None,
        ),
        at_most(f"99 % of the refusals within {REFUSED_P99_MS:g} ms", p99, REFUSED_P99_MS, "ms"),
        at_most(
            f"every call is taken again {NORMAL_WITHIN_S:g} s after its end", normal, NORMAL_WITHIN_S, "s"
        ),
    )


def normal_after(overload: Sequence[Fate], after: Sequence[Fate]) -> float | None:
    """Seconds from the last INVITE of the overload to the last call of the load after it that did not end
    well; 0 when there is none, None without a load after it."""
    if not overload or not after:
        return None
    over = max(fate.sent for fate in overload)
    return max((fate.sent - over for fate in after if not fate.succeeded), default=0.0)


def _words(carried: int, overload: Outcome, after: Outcome, facts: dict[str, object]) -> str:
    good = sum(fate.succeeded for fate in overload.fates)
    refused = sum(fate.refused_ms is not None for fate in overload.fates)
    over = max((fate.sent for fate in overload.fates), default=0.0)
    begun = max(0.001, over - min((fate.sent for fate in overload.fates), default=0.0))
    late = sorted(
        (fate.rang - fate.sent) * 1000
        for fate in after.fates
        if fate.rang is not None and fate.sent > over + NORMAL_WITHIN_S
    )
    return (
        f"{carried} calls a second were carried without a failure (steps of {TRY_S} s). Then"
        f" {2 * carried} a second for"
        f" {OVERLOAD_S} s: {len(overload.fates)} calls begun ({len(overload.fates) / begun:.0f} a"
        f" second), {good} ended"
        f" well, {refused} were refused. At once after it, {NORMAL_RATE} a second: those placed later than"
        f" {NORMAL_WITHIN_S:g} s after the overload were set up in {number(percentile(late, 0.5), 1)} ms"
        " (p50) and"
        f" {number(percentile(late, 0.99), 1)} ms (p99). The router told of {facts.get('overloads', '–')}"
        " overloads."
        " Callers and phones take their share of the same cores, so on a machine with more of them the"
        " router carries"
        " more."
    )
