"""Whether the memory of the router and of the media server stays where it is, over ten thousand calls."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from appliance.demo.local import free_port
from appliance.demo.phones import end
from tests.bench.callisto import ANNOUNCED, Callisto
from tests.bench.load import phone, place_calls
from tests.bench.page import Mark, Section, number, table
from tests.bench.processes import pss_mb
from tests.bench.rates import LINGER_S

BATCH = 5000
RATE = 100
ANNOUNCED_SHARE, ANNOUNCED_RATE = 2, 40
"""One call in so many has an announcement: those are what the media server has a part in. Each of its 400
slots keeps the most that a call in it has ever taken, so the whole comes to rest after some two thousand."""
SHARE = 0.05


def measure(program: str, folder: Path, conditions: Sequence[str], batch: int = BATCH) -> Section:
    """Each batch is measured when the last of its transactions is over and nobody calls."""
    with ExitStack() as running:
        answering = free_port()
        running.callback(end, phone(program, answering, "phone", folder / "phone"))
        ours = Callisto(folder / "callisto", answering, answering)
        running.callback(ours.stop)
        ours.start()
        assert ours.router_pid is not None
        assert ours.media_pid is not None
        pids = {"router": ours.router_pid, "media server": ours.media_pid}
        memory = [{name: pss_mb(pid) for name, pid in pids.items()}]
        failed = 0
        for place in range(2):
            home = folder / f"batch{place}"
            announced = batch // ANNOUNCED_SHARE
            outcomes = (
                place_calls(
                    program,
                    ours.port,
                    ANNOUNCED,
                    rate=ANNOUNCED_RATE,
                    calls=announced,
                    scenario="caller_announced",
                    folder=home / "announced",
                ),
                place_calls(
                    program, ours.port, ours.number, rate=RATE, calls=batch - announced, folder=home / "plain"
                ),
            )
            failed += sum(outcome.failed for outcome in outcomes)
            time.sleep(LINGER_S)
            memory.append({name: pss_mb(pid) for name, pid in pids.items()})
            print(
                f"memory after {(place + 1) * batch} calls: {memory[-1]}, {failed} calls failed", flush=True
            )
    marks = [Mark("no call failed", number(failed, 0), failed == 0)]
    for name in pids:
        growth = (memory[2][name] - memory[1][name]) / memory[1][name]
        text = f"the {name} within ± {SHARE:.0%} over the second {batch} of {2 * batch} calls"
        marks.append(Mark(text, f"{growth:+.1%}", abs(growth) <= SHARE))
    whens = ("before the first call", f"after {batch} calls", f"after {2 * batch} calls")
    rows = (
        (when, *(number(found[name], 1) for name in pids)) for when, found in zip(whens, memory, strict=True)
    )
    return Section("memory", tuple(conditions), tuple(marks), table(("MB", *pids), rows))
