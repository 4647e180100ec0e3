"""Mixed calls for as long as one likes, and then: is anything left of them, is anything missing?"""

from __future__ import annotations

import csv
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.demo.local import HOST, LocalAppliance, free_port
from appliance.demo.phones import end
from db.office import Office, Team, User
from db.store import Store
from router.model import Overflow, OverflowKind
from tests.bench import load
from tests.bench.callisto import WELCOME, fill

OWN = Path(__file__).parent / "scenarios"
CALLERS_PATIENCE_S = 40.0
"""After the last call was to begin: SIP gives up within 32 s, and some calls ring and talk before."""
LOOK_EVERY_S = 0.5
"""While something is awaited: to look more often would be a load of its own."""
PHONES = {
    "anna": load.SCENARIOS / "phone.xml",
    "bert": load.SCENARIOS / "busy.xml",
    "carl": Path(__file__).parents[1] / "sip" / "scenarios" / "phone_rings.xml",
    "dora": OWN / "phone_hangs_up.xml",
    "emil": OWN / "phone_transfers.xml",
}
SERVICES = ("supervisor", "router", "media")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of call. `a_minute`: how many; `hold_s`: the pause of the scenario; `quiet_after_s`: how long
    after its end something of it may be left, where its caller is not heard of again. `is_deaf`: what comes
    when its script says something does not end it."""

    name: str
    number: str
    scenario: Path
    a_minute: int
    hold_s: float = 1.0
    quiet_after_s: float = 0.0
    is_deaf: bool = False


KINDS = (
    Kind("answered", "600", load.SCENARIOS / "caller_announced.xml", 120, 2.0),
    Kind("announced", "650", load.SCENARIOS / "caller_announced.xml", 30, 2.0),
    Kind("hung up by the phone", "610", OWN / "caller_is_hung_up.xml", 60),
    Kind("busy", "700", OWN / "caller_refused.xml", 60),
    Kind("hunted", "720", load.SCENARIOS / "caller_announced.xml", 60, 1.0),
    Kind("given up", "800", OWN / "caller_gives_up.xml", 60, 1.5),
    Kind("not answered", "810", OWN / "caller_refused.xml", 30),
    Kind("transferred", "820", OWN / "caller_transferred.xml", 30),
    Kind("vanishes while it rings", "810", OWN / "caller_vanishes_ringing.xml", 10, quiet_after_s=36),
)
FORGOTTEN = (
    Kind("vanishes as it is answered", "600", OWN / "caller_never_acks.xml", 10, quiet_after_s=70),
    Kind("gives up as it is answered", "600", OWN / "caller_gives_up_late.xml", 30, 0.02, 70, is_deaf=True),
    Kind("vanishes in the midst of it", "600", OWN / "caller_vanishes.xml", 10, quiet_after_s=130),
)
"""Found by timers of SIP alone: of the 200 (RFC 3261 section 13.3.1.4), of the session (RFC 4028, 90 s)."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is there when it should be quiet. `problems`: in words; none: all is well."""

    placed: Mapping[str, int]
    records: int
    problems: tuple[str, ...]


def soak(program: str, folder: Path, seconds: float, kinds: Sequence[Kind], *, linger: bool = True) -> Left:
    """One call of each kind that ends in good order, then all kinds for so long. `program`: sipp. `linger`:
    wait until the transactions are over too, which SIP keeps for 32 s."""
    with ExitStack() as running:
        ports = {user: free_port() for user in PHONES}
        for user, port in ports.items():
            running.callback(end, _phone(program, PHONES[user], port, folder / user))
        appliance = LocalAppliance(folder / "callisto")
        running.callback(appliance.stop)
        fill(appliance, _office(ports), folder)
        appliance.start()
        orderly = [kind for kind in kinds if not kind.quiet_after_s]
        first = _place(program, appliance, orderly, 0.0, folder / "first")
        problems = [*_failures(first), *_settled(appliance, orderly, linger=False)]
        before = descriptors(appliance)
        soaked = _place(program, appliance, kinds, seconds, folder / "soak")
        problems += [*_failures(soaked), *_settled(appliance, kinds, linger=linger)]
        problems += _leaked(appliance, before)
        placed = {name: one.created for name, one in soaked.items()}
        for name, one in first.items():
            placed[name] += one.created
        records = _records(appliance, sum(placed.values()))
        if records != sum(placed.values()):
            problems.append(f"{sum(placed.values())} calls were placed, and there are {records} records")
        problems += complaints(appliance.log)
    return Left(placed, records, tuple(problems))


def _office(ports: Mapping[str, int]) -> Office:
    """Everybody takes any number of calls at once."""
    busy = Overflow(OverflowKind.BUSY)
    shape: dict[str, Any] = {"need_idle": False, "overflow": busy}
    return Office(
        users=tuple(
            User(user, user.title(), f"sip:{user}@{HOST}:{port}", str(61 + place))
            for place, (user, port) in enumerate(ports.items())
        ),
        groups=(
            Team("Sales", "600", "anna", **shape),
            Team("Service", "650", "anna", announcement=WELCOME, **shape),
            Team("Brief", "610", "dora", **shape),
            Team("Busy", "700", "bert", **shape),
            Team("Board", "720", "bert", ("anna",), **shape),
            Team("Patient", "800", "carl", manager_timeout=60, **shape),
            Team("Impatient", "810", "carl", manager_timeout=2, **shape),
            Team("Desk", "820", "emil", ("anna",), **shape),
        ),
    )


def _phone(program: str, scenario: Path, port: int, folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True)
    return _sipp(folder, program, "-sf", scenario, "-p", port, "-d", 300)


def _sipp(folder: Path, *command: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*map(str, command), "-i", HOST, "-nostdin", "-trace_err", "-error_file", "errors.log"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@dataclass(frozen=True, slots=True)
class Placed:
    created: int
    failed: int
    errors: str


def _place(
    program: str, appliance: LocalAppliance, kinds: Iterable[Kind], seconds: float, folder: Path
) -> dict[str, Placed]:
    """All kinds side by side; one call of each when there are no `seconds`."""
    until = time.monotonic() + seconds + CALLERS_PATIENCE_S
    callers: list[tuple[Kind, Path, subprocess.Popen[bytes]]] = []
    try:
        for place, kind in enumerate(kinds):
            home = folder / str(place)
            home.mkdir(parents=True)
            calls = max(1, round(kind.a_minute * seconds / 60))
            to = (f"{HOST}:{appliance.sip_port}", "-s", kind.number, "-p", free_port())
            pace = ("-r", kind.a_minute, "-rp", 60_000, "-m", calls, "-l", 5000)
            what = ("-sf", kind.scenario, "-d", int(1000 * kind.hold_s))
            if kind.is_deaf:
                what += ("-default_behaviors", "all,-abortunexp")
            counts = ("-trace_stat", "-fd", 1, "-stf", "counts.csv")
            callers.append((kind, home, _sipp(home, program, *to, *what, *pace, *counts)))
        for _, _, caller in callers:
            try:
                caller.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue  # its calls count as failed below
    finally:
        for _, _, caller in callers:
            caller.kill()
            caller.wait()
    return {kind.name: _counted(home) for kind, home, _ in callers}


def _counted(folder: Path) -> Placed:
    with (folder / "counts.csv").open(newline="") as counts:
        last = list(csv.DictReader(counts, delimiter=";"))[-1]
    created, good = int(last["TotalCallCreated"]), int(last["SuccessfulCall(C)"])
    errors = folder / "errors.log"
    return Placed(
        created, created - good, errors.read_text(errors="replace")[:600] if errors.exists() else ""
    )


def _failures(placed: Mapping[str, Placed]) -> list[str]:
    return [
        f"{one.failed} of {one.created} calls of the kind {name!r} failed: {one.errors}"
        for name, one in placed.items()
        if one.failed
    ]


def _settled(appliance: LocalAppliance, kinds: Iterable[Kind], *, linger: bool) -> list[str]:
    """Waits until no call, leg or transaction is left; else what is."""
    until = time.monotonic() + 40 + max(kind.quiet_after_s for kind in kinds)
    while left := _left(appliance, linger=linger):
        if time.monotonic() > until:
            return left
        time.sleep(LOOK_EVERY_S)
    return []


def _left(appliance: LocalAppliance, *, linger: bool) -> list[str]:
    router, media = (appliance.service(name).get("facts", {}) for name in ("router", "media"))
    counts = {
        "calls of the router": router.get("calls_now", -1),
        "call legs of the router": router.get("legs_in_use", -1),
        "transactions of the router": router.get("transactions", -1) if linger else 0,
        "call legs of the media server": media.get("legs_in_use", -1),
        "conferences of the media server": media.get("conferences", -1),
    }
    return [f"{count} {what} are left" for what, count in counts.items() if count]


def descriptors(appliance: LocalAppliance) -> dict[str, list[str]]:
    """What each process has open, in words."""
    pids = {name: appliance.service(name)["pid"] for name in SERVICES[1:]} | {SERVICES[0]: appliance.pid}
    return {name: open_files(pid) for name, pid in pids.items()}


def open_files(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except FileNotFoundError:
            continue  # the one that was just closed
    return sorted(found)


def _leaked(appliance: LocalAppliance, before: Mapping[str, Sequence[str]]) -> list[str]:
    """More descriptors than before; for a while there may be some that are about to be closed."""
    until = time.monotonic() + 70
    while more := {
        name: sorted(set(now) - set(before[name]))
        for name, now in descriptors(appliance).items()
        if len(now) > len(before[name])
    }:
        if time.monotonic() > until:
            return [f"the {name} has more files open than before: {files}" for name, files in more.items()]
        time.sleep(LOOK_EVERY_S)
    return []


def _records(appliance: LocalAppliance, wanted: int) -> int:
    """In the store, when it is as wanted or has not changed for some seconds."""
    store = Store.open(f"sqlite:///{appliance.state / 'callisto.db'}")
    try:
        until = time.monotonic() + 15
        while (found := store.calls.count()) != wanted and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
        return found
    finally:
        store.close()


def complaints(log: Path) -> list[str]:
    """Lines of the log that an administrator would have to look into."""
    lines = log.read_text(errors="replace").splitlines()
    found = [line for line in lines if "ERROR" in line or "CRITICAL" in line or "Traceback" in line]
    return [f"the log says {line!r}" for line in found[:10]]
