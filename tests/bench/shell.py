"""The shell: how soon a key is seen with many at work, what a session takes, what guessers do to others."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.crew import FEW_HEAPS
from tests.bench.figures import percentile
from tests.bench.page import Mark, Section, at_most, number, table
from tests.bench.processes import cpu_s, pss_mb
from tests.bench.systems import AbsentError
from tests.bench.typists import LINES, RICH, all_type, leave, seat

ENVIRONMENT = {**FEW_HEAPS, **os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
KEYS_S = 5.0
TYPING_S = 20.0
RICH_CROWD, LINE_CROWD, GUESSERS, BYSTANDERS = 8, 300, 300, 4
RICH_P99_MS, LINE_P99_MS, BYSTANDER_P99_MS = 20.0, 15.0, 100.0
LINE_KB, RICH_MB = 100.0, 1.0
WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Crowd:
    """`memory_mb`: for each session of the second half. `cpu`: of one core, while they type."""

    name: str
    sessions: int
    echoes_ms: Sequence[float]
    memory_mb: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Guessing:
    echoes_ms: Sequence[float]
    answered_s: Sequence[float]
    grown_mb: float


def measure(_: str, folder: Path, conditions: Sequence[str]) -> Section:
    with _server(folder) as (port, pid):
        return asyncio.run(_measured(port, pid, conditions))


async def _measured(
    port: int, pid: int, conditions: Sequence[str], line: int = LINE_CROWD, seconds: float = TYPING_S
) -> Section:
    await _warm(port)
    rich = await _crowd("rich", RICH, RICH_CROWD, server=(port, pid), seconds=seconds)
    lines = await _crowd("line", LINES, line, server=(port, pid), seconds=seconds)
    guessing = await _guessing(port, pid)
    return Section(
        "shell", (*conditions[:1],), _marks(rich, lines, guessing), _words((rich, lines), guessing)
    )


@contextmanager
def _server(folder: Path) -> Iterator[tuple[int, int]]:
    """Port and process of a server; it ends with what holds its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.bench.shell_server", str(folder)],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            if not said:
                raise AbsentError("the shell's server did not start")
            yield int(said), process.pid
            process.stdin.close()
            process.wait(WITHIN_S)
        finally:
            process.kill()


async def _warm(port: int) -> None:
    """What is loaded once is no session's memory; nor is what the looking at passwords keeps."""
    typists = [*await seat(port, 8, RICH), *await seat(port, 40, LINES)]
    await all_type(typists, KEYS_S, 2.0)
    leave(typists)


async def _crowd(name: str, client: bytes, count: int, *, server: tuple[int, int], seconds: float) -> Crowd:
    port, pid = server
    typists = await seat(port, count // 2, client)
    before = pss_mb(pid)
    typists += await seat(port, count - count // 2, client)
    memory = (pss_mb(pid) - before) / (count - count // 2)
    cpu = cpu_s(pid)
    echoes = await all_type(typists, KEYS_S, seconds)
    share = (cpu_s(pid) - cpu) / seconds
    leave(typists)
    print(f"{count} {name}: {len(echoes)} keys", flush=True)
    return Crowd(name, count, echoes, memory, share)


async def _guessing(port: int, pid: int) -> Guessing:
    """Some type while all the guessers come at once, until the last of these has his answer."""
    bystanders = await seat(port, BYSTANDERS, LINES)
    before = pss_mb(pid)
    guessers = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "tests.bench.guessers", str(port), str(GUESSERS),
        env=ENVIRONMENT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told = asyncio.create_task(guessers.communicate())
    echoes: list[float] = []
    while not told.done():
        echoes += await all_type(bystanders, KEYS_S, 1.0)
    answered = json.loads((await told)[0] or "[]")
    grown = pss_mb(pid) - before
    leave(bystanders)
    print(f"{GUESSERS} guessers: {len(echoes)} keys", flush=True)
    return Guessing(sorted(echoes), answered, grown)


def _marks(rich: Crowd, lines: Crowd, guessing: Guessing) -> tuple[Mark, ...]:
    def soon(who: str, echoes: Sequence[float], limit: float) -> Mark:
        return at_most(
            f"{who}: 99 % of the keys are seen within {limit:g} ms", percentile(echoes, 0.99), limit, "ms"
        )

    return (
        soon(f"{rich.sessions} rich sessions", rich.echoes_ms, RICH_P99_MS),
        soon(f"{lines.sessions} line sessions", lines.echoes_ms, LINE_P99_MS),
        soon(
            f"{BYSTANDERS} line sessions beside {GUESSERS} wrong logins at once",
            guessing.echoes_ms,
            BYSTANDER_P99_MS,
        ),
        at_most(f"a rich session takes at most {RICH_MB:g} MB", rich.memory_mb, RICH_MB, "MB", 2),
        at_most(f"a line session takes at most {LINE_KB:g} KB", lines.memory_mb * 1024, LINE_KB, "KB", 0),
    )


def _words(crowds: Sequence[Crowd], guessing: Guessing) -> str:
    def row(name: str, echoes: Sequence[float]) -> tuple[str, ...]:
        return (
            name,
            str(len(echoes)),
            *(number(percentile(echoes, share), 1) for share in (0.5, 0.99)),
            number(echoes[-1] if echoes else None, 1),
        )

    rows = [
        *((*row(f"{c.sessions} {c.name}", c.echoes_ms), f"{c.cpu:.0%}") for c in crowds),
        (*row(f"{BYSTANDERS} line, beside {GUESSERS} wrong logins", guessing.echoes_ms), "–"),
    ]
    return (
        table(("sessions", "keys", "p50 ms", "p99 ms", "most ms", "of a core"), rows)
        + f"\n\nEverybody types {KEYS_S:g} keys a second. A key is seen when its echo is back at the client,"
        f" whose process shares the cores. The last of the {GUESSERS} wrong logins has its answer after"
        f" {number(max(guessing.answered_s, default=None), 1)} s; memory is {guessing.grown_mb:+.1f} MB after"
        " them. The limits of sessions (64, of them 16 rich, 16 not logged in), and the throttle, are out of"
        " the way for this."
    )
