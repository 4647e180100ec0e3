"""How long a call waits for a new routing table, and for a decision, in a very large office.

`python -P -m tests.bench.table_swap` reads a table of 10,000 groups of 10 members, 100,000 VIP entries and
10,000 contacts as the router does, over and over, while the decisions for calls are made between the slices,
and prints the longest that a call had to wait. Then it publishes such an office from a store as the
supervisor does, and prints the longest that its event loop stood still. Options change the size.

Exit code 0: no call waited longer than MOST_WAIT_MS; 1: one did.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance import routing_file
from appliance.errands import Errands
from appliance.hosts import Hosts
from appliance.publisher import Fixed, Publisher, content_of
from appliance.roles.router import SLICE
from appliance.routing_file import RoutingFile
from appliance.store_keeper import StoreKeeper
from db.office import Office, Team, User
from db.stores.routing import routing_table
from db.variables.states import Actor
from router import hunting
from router.commands import Ring
from router.events import CallOffered
from router.flow import step
from router.model import Contact, Overflow, OverflowKind, Peer, RoutingTable, VipEntry
from router.opening import opening
from router.ports import Identity, IncomingCall, LegId
from router.reception import Reception
from router.state import Flow
from router.table import body, head, seal

MOST_WAIT_MS = 20.0
FIRST_NUMBER = 100_000
PEERS = (Peer("pbx", "192.0.2.1"),)
VARIABLES = {
    "gStripCallerID": "0",
    "gTransferWithCallerID": "1",
    "gBridgeTransfer": "1",
    "gMaxForwardNumberLen": "100",
}


@dataclass(frozen=True, slots=True)
class Size:
    groups: int
    members: int
    vip: int
    contacts: int


def office(size: Size) -> Office:
    """Nobody is in two groups; half of the VIP entries are patterns."""
    people = size.members + 1
    return Office(
        users=tuple(
            User(f"user{n}", f"Firstname Lastname {n}", str(2_000_000 + n), str(2_000_000 + n))
            for n in range(size.groups * people)
        ),
        groups=tuple(_team(size, n, people) for n in range(size.groups)),
        contacts=tuple(
            Contact(f"Contact {n}", (f"+4143{n:07d}", f"+4178{n:07d}"), n % 10) for n in range(size.contacts)
        ),
    )


def _team(size: Size, n: int, people: int) -> Team:
    manager, *members = (f"user{n * people + place}" for place in range(people))
    entries = (
        VipEntry(f"+4179{n:05d}{i}." if i % 2 else f"+4144{n:05d}{i}", f"Customer {i}")
        for i in range(size.vip)
    )
    return Team(
        f"Group {n}",
        str(FIRST_NUMBER + n),
        manager,
        tuple(members),
        manager_timeout=20,
        assistant_timeout=15,
        overflow=Overflow(OverflowKind.BUSY),
        vip=tuple(entries),
    )


def decide(reception: Reception, dialled: str, caller: str) -> int:
    """What the engine does from the INVITE to the phones that ring: how many."""
    group = reception.group(dialled)
    assert group is not None
    incoming = IncomingCall(LegId(0), Identity(caller, "Somebody"), dialled, "192.0.2.1:5060", "id", "pbx")
    call = reception.call(group, incoming, datetime.now(UTC))
    first = opening(call)
    _, commands = step(Flow.of(call, first, lines=hunting.most_at_once(call, first)), CallOffered())
    targets = [reception.target(command.phone.person) for command in commands if isinstance(command, Ring)]
    return len(targets)


def percentiles(times: list[float]) -> tuple[float, float, float]:
    """p50, p99, and of as good as all."""
    times.sort()
    p50, p99, most = (times[int(len(times) * part)] for part in (0.5, 0.99, 0.9999))
    return p50, p99, most


def listed(times: tuple[float, float, float]) -> str:
    return "p50 {:.1f}, p99 {:.1f}, max {:.1f}".format(*times)


class Longest:
    """The longest of many blocks, by the clock and by the work of this thread alone, in seconds."""

    def __init__(self) -> None:
        self.wall = self.work = self._wall = self._work = 0.0

    def __enter__(self) -> None:
        self._wall, self._work = time.perf_counter(), time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.work = max(self.work, time.thread_time() - self._work)
        self.wall = max(self.wall, time.perf_counter() - self._wall)

    def __str__(self) -> str:
        return f"{1e3 * self.wall:.1f} ms ({1e3 * self.work:.1f} ms of work)"


def timed(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


# The router's side


def decisions(table: RoutingTable, size: Size) -> tuple[tuple[float, float, float], ...]:
    """Microseconds of work: of groups that had a call since the swap, and of others."""
    draw = random.Random(1)
    numbers = [str(FIRST_NUMBER + n) for n in draw.sample(range(size.groups), min(500, size.groups))]
    callers = [f"+4143{n:07d}" for n in range(100)] + [f"+41445556{n:03d}" for n in range(100)]
    reception = Reception(table)

    def one(number: str) -> float:
        caller = draw.choice(callers)
        return 1e6 * timed(lambda: decide(reception, number, caller))

    cold = [one(number) for number in numbers]
    warm = [one(number) for number in draw.choices(numbers, k=20_000)]
    found = percentiles(warm), percentiles(cold)
    print(f"decision, us: {listed(found[0])}; the first for a group: {listed(found[1])}")
    return found


def swaps(path: Path, size: Size, count: int) -> float:
    """The longest time in ms from one chance for a call to the next, and what it was made of."""
    draw = random.Random(2)
    table = RoutingFile(path).look()
    assert table is not None
    reception = Reception(table)
    del table
    slices, swap_times = Longest(), Longest()
    total = 0.0
    for _ in range(count):
        file, began = RoutingFile(path), time.perf_counter()
        found = None
        while found is None:
            with slices:
                found = file.turn(SLICE)
            decide(reception, str(FIRST_NUMBER + draw.randrange(size.groups)), "+41445556666")
        with swap_times:
            reception = Reception(found)
            del found
        total += time.perf_counter() - began
    file = RoutingFile(path)
    file.look()
    os.utime(path)
    again = timed(file.look)
    print(
        f"router: {count} tables of {path.stat().st_size / 1e6:.1f} MB, each read in {total / count:.2f} s in"
        f" slices of {1e3 * SLICE:.0f} ms; a call waited {slices} at most, for the swap itself {swap_times};"
        f" one in which no group has changed takes {again:.2f} s in all"
    )
    return 1e3 * max(slices.wall, swap_times.wall)


# The supervisor's side


async def publish(store: Path, size: Size) -> float:
    """The longest time in ms that the loop stood still while a change of the office was published."""
    keeper = StoreKeeper(f"sqlite:///{store}", "the store", "ucm")
    await keeper.open()
    await keeper.do(lambda opened: opened.office.write(office(size), Actor("bench", "", "cli")))
    gc.collect()
    publisher = Publisher(
        store.with_name("routing.json"),
        Fixed(PEERS),
        lambda: keeper.do(lambda opened: content_of(opened.routing_table)),
        Hosts(),
        Errands("bench"),
    )
    longest = 0.0
    stop = asyncio.Event()

    async def tick() -> None:
        nonlocal longest
        while not stop.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    began = time.perf_counter()
    await publisher.publish()
    published = time.perf_counter() - began
    await asyncio.sleep(0.2)
    stop.set()
    await ticking
    keeper.close()
    print(
        f"supervisor: published in {published:.2f} s, its loop stood still for {1e3 * longest:.1f} ms at most"
    )
    return 1e3 * longest


def main() -> int:
    parser = argparse.ArgumentParser(description="How long a call waits for a new routing table.")
    for name, default in (("groups", 10_000), ("members", 10), ("vip", 10), ("contacts", 10_000)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N")
    parser.add_argument("--swaps", type=int, default=5, metavar="N")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--no-store", action="store_true", help="without the supervisor's side")
    options = parser.parse_args()
    size = Size(options.groups, options.members, options.vip, options.contacts)
    with tempfile.TemporaryDirectory(prefix="callisto-bench-") as folder:
        path = Path(folder) / "routing.json"
        table = routing_table(office(size), VARIABLES, 1)
        routing_file.write(path, seal(head(table), b"".join(body(table))))
        del table
        gc.collect()
        gc.freeze()  # as the router does when it starts
        read = RoutingFile(path).look()
        assert read is not None
        warm, cold = decisions(read, size)
        del read
        longest = swaps(path, size, options.swaps)
        stood = None if options.no_store else asyncio.run(publish(Path(folder) / "callisto.db", size))
    if options.json:
        found = {"warm_us": warm, "cold_us": cold, "waited_ms": longest, "supervisor_ms": stood}
        options.json.write_text(json.dumps(found))
    return int(longest > MOST_WAIT_MS)


if __name__ == "__main__":
    raise SystemExit(main())
