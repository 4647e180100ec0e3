"""What a call costs the supervisor, without SIP: a router that only leaves records and log lines.

`python -P -m tests.bench.supervisor [--rate 100] [--seconds 20]` runs the real supervisor on a fresh store
with stand-ins for its services, and prints CPU seconds per 1000 records: of the supervisor beyond what
it spends idle, and of the router's side of it (spool, log line, events that nobody watches).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from appliance import logs, supervisor
from appliance.config import Config
from appliance.control.reporter import Reporter
from appliance.lifecycle import Limits
from appliance.logs import Outlet
from appliance.loop_log import LoopLog
from appliance.roles.supervisor import service_environment
from appliance.services.children import Child
from appliance.services.ports import Unit
from appliance.state import claimed
from appliance.store_keeper import StoreKeeper
from router.spool import Spool

TURN = 0.01
SETTLE = 3.0
"""Seconds after the start, and after the load, that are not measured as load."""
STEPS = (
    "0442220001 calls 600: the manager number of Sales, manager Anna Amsler",
    "manager available: Anna Amsler rings",
    "Anna Amsler does not answer within 20 s: the assistants are hunted",
    "manager does not answer: assistant 1 of 3, Berta Bucher, rings",
    "Berta Bucher answers after 4.2 s",
    "the caller hangs up",
)


def record() -> dict[str, object]:
    at = "2026-11-22T10:00:00.123456+00:00"
    return {
        "id": str(uuid4()), "started": at, "ended": at, "answered": at, "caller": "0442220001",
        "caller_raw": "+41442220001", "caller_name": "Urs Anderer", "dialled": "600", "group": "Sales",
        "vip": False, "result": "answered", "status": 200, "agent": "berta", "talk_s": 62.125, "ring_s": 4.2,
        "steps": [{"at_s": 0.5 * place, "text": text} for place, text in enumerate(STEPS)],
    }  # fmt: skip


def act(state: Path, unit: str, rate: float, seconds: float) -> None:
    """A stand-in for a service; that of the router leaves `rate` records a second after SETTLE."""
    log_lines = LoopLog.installed(unit)
    logs.never_wait()
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    reporter = Reporter(state / "run" / "control.sock", unit)
    reporter.ready({})
    feeder = _Feeder(Spool(state / "spool"), reporter, rate, seconds) if unit == Unit.ROUTER else None
    while not asked:
        time.sleep(TURN if feeder else 1.0)
        if feeder:
            feeder.turn()
        else:
            reporter.facts({})
        reporter.turn(time.monotonic())
        log_lines.turn(time.monotonic())
    if feeder:
        (state / "fed.json").write_text(json.dumps(feeder.spent))


class _Feeder:
    def __init__(self, spool: Spool, reporter: Reporter, rate: float, seconds: float) -> None:
        self._spool, self._reporter = spool, reporter
        self._rate, self._count = rate, int(rate * seconds)
        self._begin = time.monotonic() + SETTLE
        self._log = logging.getLogger("router.bulletin")
        self._done = 0
        self._told = 0.0
        self.spent = {"spool": 0.0, "log": 0.0, "publish": 0.0}

    def turn(self) -> None:
        now = time.monotonic()
        due = min(self._count, int((now - self._begin) * self._rate))
        while self._done < due:
            self._done += 1
            self._one(record())
        if now > self._told + 1:
            self._told = now
            self._reporter.facts({"calls_total": self._done, "calls_now": 7})

    def _one(self, record: dict[str, object]) -> None:
        clock = time.thread_time
        marks = [clock()]
        for text in STEPS:
            self._reporter.publish("call", {"id": record["id"], "event": "step", "text": text})
        marks.append(clock())
        self._spool.append(record)
        marks.append(clock())
        self._log.info("call %s: %s", record["id"], "; ".join(STEPS))
        marks.append(clock())
        for name, before, after in zip(("publish", "spool", "log"), marks, marks[1:], strict=False):
            self.spent[name] += after - before


def run(state: Path, rate: float, seconds: float) -> None:
    """The supervisor's process; leaves what it measured in `state`."""
    config = Config.load({"CALLISTO_STATE": str(state)}, state)

    def children(config: Config, env: dict[str, str]) -> tuple[Child, ...]:
        argv = (sys.executable, "-P", "-m", "tests.bench.supervisor", "--state", str(state))
        times = ("--rate", str(rate), "--seconds", str(seconds))
        return tuple(Child(unit, (*argv, "--act", unit, *times), env, Limits()) for unit in Unit)

    supervisor._children = children  # type: ignore[assignment]
    with claimed(config):
        outlet = Outlet()
        logs.set_up("supervisor", outlet)
        asyncio.run(_measure(config, outlet, seconds))
        outlet.close()


async def _measure(config: Config, outlet: Outlet, seconds: float) -> None:
    store = StoreKeeper(config.store_url, config.store_url_shown, config.edition)
    await store.open()
    one = supervisor.Supervisor(config, "bench", store, service_environment(), outlet.child_lines)
    work = asyncio.create_task(one.run(lambda _: None))
    await asyncio.sleep(SETTLE)
    before, cpu = _threads(), time.process_time()
    await asyncio.sleep(seconds + 2)
    after, spent = _threads(), time.process_time() - cpu
    kept = await store.do(lambda opened: opened.calls.count())
    work.cancel()
    await asyncio.wait({work})
    store.close()
    threads = {name: round(after[name] - before.get(name, 0.0), 3) for name in after}
    found = {"cpu": spent, "kept": kept, "threads": threads}
    (config.state / "supervised.json").write_text(json.dumps(found))


def _threads() -> dict[str, float]:
    """CPU seconds by thread."""
    found: dict[str, float] = {}
    ticks = os.sysconf("SC_CLK_TCK")
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text()
        used = fields.rpartition(")")[2].split()
        found[task.name] = (int(used[11]) + int(used[12])) / ticks
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--act")
    given = parser.parse_args()
    if given.act:
        act(given.state, given.act, given.rate, given.seconds)
    elif given.state:
        run(given.state, given.rate, given.seconds)
    else:
        idle, _ = _trial(0.0, given.seconds)
        busy, fed = _trial(given.rate, given.seconds)
        count = int(given.rate * given.seconds)
        each = (busy["cpu"] - idle["cpu"]) / count * 1000
        print(f"{busy['kept']} of {count} records kept")
        print(f"supervisor {each:.3f} CPU-s per 1000 records beyond idle", busy["threads"])
        print(f"supervisor idle {idle['cpu'] / (given.seconds + 2) * 1000:.1f} ms a second")
        print("router", {name: round(spent / count * 1000, 3) for name, spent in fed.items()})


def _trial(rate: float, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        state.mkdir(mode=0o700)
        argv = [sys.executable, "-P", "-m", "tests.bench.supervisor", "--state", str(state)]
        with (Path(folder) / "log").open("wb") as log:
            done = subprocess.run(
                [*argv, "--rate", str(rate), "--seconds", str(seconds)],
                stdout=log, stderr=log, check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            )  # fmt: skip
        if done.returncode:
            raise SystemExit((Path(folder) / "log").read_text()[-3000:])
        supervised, fed = ((state / name).read_text() for name in ("supervised.json", "fed.json"))
        return json.loads(supervised), json.loads(fed)


if __name__ == "__main__":
    main()
