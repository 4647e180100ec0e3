"""The comparison in words and tables: marks, steps, ratios. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.figures import Step, Total, find, highest_clean_rate
from tests.bench.page import Mark, Section, at_most, number, table

CPU_PER_1000 = 1.5
TIMES_KAMAILIO = 3.0
SHARE_OF_SIPPY = 0.5
SETUP_P99_MS = {100: 5.0, 300: 8.0}
"""By calls a second."""
HIGHEST = 450


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the comparison. `proxy`, `nearest`: names of the peers that ours is judged beside; `peers`:
    all of them; `systems`: name to version, in the order of the tables; `absent`: name to reason."""

    steps: tuple[Step, ...]
    totals: tuple[Total, ...]
    ours: str
    proxy: str
    nearest: str
    peers: tuple[str, ...]
    systems: Mapping[str, str]
    absent: Mapping[str, str]
    conditions: tuple[str, ...]


def section(run: Run) -> Section:
    text = [
        "### Calls a second without a failure\n",
        _rates(run),
        "\n### Step by step\n",
        _steps(run),
        "\n### The whole run\n",
        _WHOLE,
        _totals(run),
        "\n### In relation to ours\n",
        _RELATION,
        _ratios(run),
        _FOOT,
    ]
    return Section("rates", run.conditions, marks(run), "\n".join(text))


def marks(run: Run) -> tuple[Mark, ...]:
    found: list[Mark] = []
    for rate, limit_ms in SETUP_P99_MS.items():
        ours = find(run.steps, run.ours, rate)
        p99, cpu = (ours.percentile(0.99), ours.cpu_per_1000) if ours else (None, None)
        at = f"at {rate} calls a second"
        found += [
            at_most(f"{at} 99 % are set up within {limit_ms:g} ms", p99, limit_ms, "ms"),
            at_most(f"{at} at most {CPU_PER_1000:g} CPU seconds for 1000 calls", cpu, CPU_PER_1000, "s", 2),
            at_most(
                f"{at} at most {TIMES_KAMAILIO:g} times the CPU time of {run.proxy}",
                _share(cpu, find(run.steps, run.proxy, rate)),
                TIMES_KAMAILIO,
                "times",
                2,
            ),
        ]
        share = _share(cpu, find(run.steps, run.nearest, rate))
        met = None if share is None else share < SHARE_OF_SIPPY
        found.append(Mark(f"{at} less than half of that of {run.nearest}", number(share, 2), met))
    return (*found, _all_steps(run), _no_failure(run))


def _all_steps(run: Run) -> Mark:
    """What idles meanwhile counts less the more calls there are: one figure for all rates together."""
    ours = [step for step in run.steps if step.system == run.ours]
    calls = sum(step.calls for step in ours)
    failed = any(step.failed for step in ours)
    cpu = None if failed or not calls else sum(step.cpu_s for step in ours) * 1000 / calls
    return at_most(
        f"over all steps at most {CPU_PER_1000:g} CPU seconds for 1000 calls", cpu, CPU_PER_1000, "s", 2
    )


def _no_failure(run: Run) -> Mark:
    text = f"no call fails to {HIGHEST} calls a second"
    ours = [step for step in run.steps if step.system == run.ours]
    if any(step.failed for step in ours):
        clean = highest_clean_rate(run.steps, run.ours)
        return Mark(text, "none without" if clean is None else f"none to {clean}", False)
    highest = max((step.rate for step in ours), default=0)
    return Mark(text, f"none to {highest}", True if highest >= HIGHEST else None)


def _share(ours: float | None, peer: Step | None) -> float | None:
    theirs = peer.cpu_per_1000 if peer else None
    return ours / theirs if ours is not None and theirs else None


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
    return table(("system", "calls/s"), rows)


def _steps(run: Run) -> str:
    rows = []
    for step in sorted(run.steps, key=lambda s: (s.rate, list(run.systems).index(s.system))):
        setup = (number(step.percentile(share), 1) for share in (0.5, 0.95, 0.99))
        cpu = (number(step.cpu_per_1000, 2), number(step.router_cpu_per_1000, 2))
        counts = (str(step.calls), str(step.failed), str(step.retransmissions))
        rows.append((str(step.rate), step.system, *counts, *setup, *cpu))
    heads = ("calls/s", "system", "calls", "failed", "retransmissions", "p50 ms", "p95 ms", "p99 ms")
    return table((*heads, "CPU s/1000", "of it the router"), rows)


def _totals(run: Run) -> str:
    rows = ((t.system, str(t.calls), number(t.cpu_s, 1), number(t.cpu_per_1000, 2)) for t in run.totals)
    return table(("system", "calls", "CPU s", "CPU s/1000"), rows)


def _ratios(run: Run) -> str:
    rows = []
    for ours in (step for step in run.steps if step.system == run.ours):
        for name in run.peers:
            peer = find(run.steps, name, ours.rate)
            if peer is None:
                continue
            setup = (_ratio(ours.percentile(share), peer.percentile(share)) for share in (0.5, 0.95, 0.99))
            rows.append((str(ours.rate), name, *setup, _ratio(ours.cpu_per_1000, peer.cpu_per_1000)))
    return table(("calls/s", "ours / peer", "p50", "p95", "p99", "CPU"), rows)


def _ratio(ours: float | None, peer: float | None) -> str:
    return "–" if ours is None or not peer else f"{ours / peer:.2f}"


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
