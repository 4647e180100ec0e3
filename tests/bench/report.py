"""The bench as a page: tables, ratios, marks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.figures import Step, Total, find, highest_clean_rate

MARK_RATE = 100
MARK_SETUP_P99_MS = 15.0
MARK_CPU_PER_1000 = 3.0
MARK_SHARE_OF_SIPPY = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the bench. `peers`: whom ours is compared with; `systems`: name to version, in the order
    of the tables; `absent`: name to reason; `conditions`: of the machine and the tools, one line each."""

    steps: tuple[Step, ...]
    totals: tuple[Total, ...]
    ours: str
    sippy: str
    peers: tuple[str, ...]
    systems: Mapping[str, str]
    absent: Mapping[str, str]
    conditions: tuple[str, ...]
    command: str


@dataclass(frozen=True, slots=True)
class Mark:
    text: str
    measured: str
    met: bool | None
    """None: it could not be measured in this run."""


def marks(run: Run) -> tuple[Mark, ...]:
    """The first marks the router has to meet at 100 calls a second."""
    ours, sippy = find(run.steps, run.ours, MARK_RATE), find(run.steps, run.sippy, MARK_RATE)
    failed = ours.failed if ours else None
    p99 = ours.percentile(0.99) if ours else None
    cpu = ours.cpu_per_1000 if ours else None
    peer = sippy.cpu_per_1000 if sippy else None
    share = cpu / peer if cpu is not None and peer else None
    return (
        Mark("no call failed", number(failed, 0), None if failed is None else failed == 0),
        Mark(
            f"99 % of calls set up in less than {MARK_SETUP_P99_MS:g} ms",
            f"{number(p99, 1)} ms",
            None if p99 is None else p99 < MARK_SETUP_P99_MS,
        ),
        Mark(
            f"at most {MARK_CPU_PER_1000:g} CPU seconds for 1000 calls",
            f"{number(cpu, 2)} s",
            None if cpu is None else cpu <= MARK_CPU_PER_1000,
        ),
        Mark(
            "less than half of the CPU time of sippy's B2BUA",
            f"{number(share, 2)} of it",
            None if share is None else share < MARK_SHARE_OF_SIPPY,
        ),
    )


def page(run: Run) -> str:
    """The whole of docs/benchmarks.md."""
    judged = ((mark.text, mark.measured, _verdict(mark)) for mark in marks(run))
    parts = [_HEAD.format(command=run.command), *(f"- {line}" for line in run.conditions), "\n## Marks\n"]
    parts.append(f"At {MARK_RATE} calls a second, one group, the manager available:\n")
    parts.append(_table(("mark", "measured", "met"), judged))
    parts += ["## Calls a second without a failure\n", _rates(run), "## Step by step\n", _steps(run)]
    parts += ["## The whole run\n", _WHOLE, _totals(run)]
    parts += ["## In relation to ours\n", _RELATION, _ratios(run), _FOOT]
    return "\n".join(parts)


def _rates(run: Run) -> str:
    highest = max((step.rate for step in run.steps), default=0)
    rows = []
    for name, version in run.systems.items():
        clean = highest_clean_rate(run.steps, name)
        reached = "none" if clean is None else str(clean)
        rows.append(
            (f"{name} {version}".strip(), f"{reached}, the highest tried" if clean == highest else reached)
        )
    rows += [(name, f"not measured: {why}") for name, why in run.absent.items()]
    return _table(("system", "calls/s"), rows)


def _steps(run: Run) -> str:
    rows = []
    for step in sorted(run.steps, key=lambda s: (s.rate, list(run.systems).index(s.system))):
        setup = (number(step.percentile(share), 1) for share in (0.5, 0.95, 0.99))
        cpu = (number(step.cpu_per_1000, 2), number(step.router_cpu_per_1000, 2))
        counts = (str(step.calls), str(step.failed), str(step.retransmissions))
        rows.append((str(step.rate), step.system, *counts, *setup, *cpu))
    heads = ("calls/s", "system", "calls", "failed", "retransmissions", "p50 ms", "p95 ms", "p99 ms")
    return _table((*heads, "CPU s/1000", "of it the router"), rows)


def _totals(run: Run) -> str:
    rows = ((t.system, str(t.calls), number(t.cpu_s, 1), number(t.cpu_per_1000, 2)) for t in run.totals)
    return _table(("system", "calls", "CPU s", "CPU s/1000"), rows)


def _ratios(run: Run) -> str:
    rows = []
    for ours in (step for step in run.steps if step.system == run.ours):
        for name in run.peers:
            peer = find(run.steps, name, ours.rate)
            if peer is None:
                continue
            setup = (_ratio(ours.percentile(share), peer.percentile(share)) for share in (0.5, 0.95, 0.99))
            rows.append((str(ours.rate), name, *setup, _ratio(ours.cpu_per_1000, peer.cpu_per_1000)))
    return _table(("calls/s", "ours / peer", "p50", "p95", "p99", "CPU"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _verdict(mark: Mark) -> str:
    return "not measured" if mark.met is None else "yes" if mark.met else "**no**"


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _ratio(ours: float | None, peer: float | None) -> str:
    return "–" if ours is None or not peer else f"{ours / peer:.2f}"


_HEAD = """# Benchmarks

Written by `{command}`; each run writes the page anew. A caller (sipp) calls a phone (sipp)
through one system after the other, all in one run, on the loopback: INVITE, 180, 20 ms, 200, ACK, one
second of holding, BYE, with an SDP of one PCMU stream. Setup is from INVITE sent to 180 received, measured
by the caller. CPU is user and system time of the system's whole process tree, from /proc. Compare the rows
with each other, not with figures of another machine: callers, phones and the system share its cores.
"""
_WHOLE = """All calls of all steps, failed ones too, and all CPU time: idle, and the ending of transactions,
which RFC 3261 keeps for 32 s after the call.
"""
_RELATION = """Ours divided by the peer's; below 1 is better. A dash: one of the two had failed calls.
"""
_FOOT = """
Kamailio is a stateful proxy: it relays messages and keeps no call, so it shows what routing costs in C.
sippy's `b2bua_simple` is a back-to-back user agent in Python and the nearest relative of the router. The
hunting rows are our router with one leg more: the manager's phone refuses as busy, an assistant's phone
rings and is answered. After a step with failed calls a system is not tried at higher rates.
"""
