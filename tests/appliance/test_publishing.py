"""The routing table's way into the router's file: names resolved, the file always whole."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import routing_file
from appliance.errands import Errands
from appliance.hosts import Hosts, names_in
from appliance.publisher import Content, Fixed, Publisher, content_of
from appliance.routing_file import RoutingFile
from router.model import Forward, ForwardKind, Group, Overflow, OverflowKind, Peer, Person, RoutingTable
from router.table import TableError, decode, encode


def table(*addresses: str, revision: int = 1) -> RoutingTable:
    people = tuple(Person(f"u{n}", f"User {n}", address) for n, address in enumerate(addresses))
    return RoutingTable(revision=revision, groups={"100": Group("G", "100", assistants=people)})


# Names


def test_only_names_in_sip_addresses_are_asked_for() -> None:
    found = names_in(
        table(
            "sip:anna@Phones.example:5070;transport=tcp",
            "sips:desk.example",
            "sip:b@10.0.0.1",
            "0441234567",
            "sip:c@[::1]",
        )
    )
    assert found == {"phones.example", "desk.example"}


def test_manager_overflow_and_forwards_count_too() -> None:
    person = Person("m", "M", "sip:m@one", forwards=(Forward(ForwardKind.APPLICATION, "sip:x@two"),))
    group = Group("G", "100", manager=person, overflow=Overflow(OverflowKind.NUMBER, "sip:y@three"))
    assert names_in(RoutingTable(groups={"100": group})) == {"one", "two", "three"}


class Names:
    """A name server: what is missing has no address."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.asked: list[str] = []

    def __call__(self, name: str) -> str:
        self.asked.append(name)
        try:
            return self.known[name]
        except KeyError:
            raise OSError("no such host") from None


async def test_an_address_stays_while_the_name_server_is_away() -> None:
    names = Names(a="10.0.0.1")
    hosts = Hosts(names)
    await hosts.refresh(frozenset({"a", "b"}))
    names.known.clear()
    await hosts.refresh(frozenset({"a", "b"}))
    assert dict(hosts.known) == {"a": "10.0.0.1"}


async def test_a_name_nobody_needs_any_more_is_forgotten() -> None:
    hosts = Hosts(Names(a="10.0.0.1", b="10.0.0.2"))
    await hosts.refresh(frozenset({"a", "b"}))
    await hosts.refresh(frozenset({"b"}))
    assert dict(hosts.known) == {"b": "10.0.0.2"}


async def test_a_missing_host_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    hosts = Hosts(Names())
    for _ in range(3):
        await hosts.refresh(frozenset({"a"}))
    assert [message for message in caplog.messages if "host a" in message] == [
        "host a has no address: no such host"
    ]


async def test_one_name_that_hangs_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.hosts.ANSWER_WITHIN", 0.2)
    go = threading.Event()
    hosts = Hosts(lambda name: "10.0.0.1" if name == "a" else str(go.wait(10)))
    await hosts.refresh(frozenset({"a", "hangs"}))
    go.set()
    assert dict(hosts.known) == {"a": "10.0.0.1"}


# The file


def test_the_reader_gets_each_table_once(tmp_path: Path) -> None:
    path = tmp_path / "routing.json"
    file = RoutingFile(path)
    with pytest.raises(FileNotFoundError):
        file.look()
    routing_file.write(path, encode(table(revision=1)))
    assert file.look() == table(revision=1)
    assert file.look() is None
    routing_file.write(path, encode(table(revision=2)))
    found = file.look()
    assert found
    assert found.revision == 2
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["routing.json"]


def test_a_broken_file_is_said_once_and_a_later_good_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "routing.json"
    file = RoutingFile(path)
    path.write_bytes(b'{"version": 1, "ta\xff')
    with pytest.raises(TableError):
        file.look()
    assert file.look() is None
    routing_file.write(path, encode(table(revision=3)))
    assert file.look() == table(revision=3)


# The publisher


class Store:
    def __init__(self, table: RoutingTable) -> None:
        self.table = table

    async def read(self) -> Content:
        return content_of(lambda: self.table)


def publisher(path: Path, store: Store, names: Names, *peers: Peer) -> Publisher:
    return Publisher(path, Fixed(peers), store.read, Hosts(names), Errands("test"))


async def test_a_change_is_published_before_its_names_are_resolved(tmp_path: Path) -> None:
    path, store = tmp_path / "routing.json", Store(table("sip:a@phone.example"))
    one = publisher(path, store, Names(**{"phone.example": "10.0.0.7"}))
    await one.publish()
    assert decode(path.read_bytes()).hosts == {}
    await one.resolve()
    assert decode(path.read_bytes()).hosts == {"phone.example": "10.0.0.7"}
    store.table = table("sip:a@phone.example", "sip:b@10.0.0.1", revision=2)
    await one.publish()
    assert decode(path.read_bytes()) == replace(store.table, hosts={"phone.example": "10.0.0.7"})
    assert one.table == decode(path.read_bytes())


async def test_a_revision_that_changes_nothing_for_calls_leaves_the_file_alone(tmp_path: Path) -> None:
    path, store = tmp_path / "routing.json", Store(table("sip:a@10.0.0.1", revision=1))
    one = publisher(path, store, Names())
    await one.publish()
    before = path.stat().st_ino
    store.table = table("sip:a@10.0.0.1", revision=2)
    await one.publish()
    assert path.stat().st_ino == before
    store.table = table("sip:a@10.0.0.2", revision=3)
    await one.publish()
    assert decode(path.read_bytes()).revision == 3


async def test_an_address_that_moves_is_published(tmp_path: Path) -> None:
    path, names = tmp_path / "routing.json", Names(**{"phone.example": "10.0.0.7"})
    one = publisher(path, Store(table("sip:a@phone.example")), names)
    await one.publish()
    await one.resolve()
    names.known["phone.example"] = "10.0.0.8"
    await one.resolve()
    assert decode(path.read_bytes()).hosts == {"phone.example": "10.0.0.8"}


async def test_nothing_new_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "routing.json"
    one = publisher(path, Store(table("sip:a@10.0.0.1")), Names())
    await one.publish()
    before = path.stat().st_ino
    await one.publish()
    await one.resolve()
    assert path.stat().st_ino == before


async def test_the_trunk_is_a_literal_address_or_not_there_yet(tmp_path: Path) -> None:
    path, names = tmp_path / "routing.json", Names()
    one = publisher(path, Store(table()), names, Peer("pbx", "PBX.example", 5080, "tcp"))
    await one.publish()
    await one.resolve()
    assert decode(path.read_bytes()).peers == ()
    names.known["pbx.example"] = "10.0.0.9"
    await one.resolve()
    assert decode(path.read_bytes()).peers == (Peer("pbx", "10.0.0.9", 5080, "tcp", domain="PBX.example"),)


async def test_a_literal_trunk_needs_no_name_server(tmp_path: Path) -> None:
    path, names = tmp_path / "routing.json", Names()
    one = publisher(path, Store(table()), names, Peer("pbx", "10.0.0.9"))
    await one.publish()
    await one.resolve()
    assert decode(path.read_bytes()).peers == (Peer("pbx", "10.0.0.9", 5060, "udp"),)
    assert names.asked == []


async def test_a_store_that_cannot_be_read_leaves_the_last_good_file(tmp_path: Path) -> None:
    path, store = tmp_path / "routing.json", Store(table("sip:a@10.0.0.1"))
    one = publisher(path, store, Names())
    await one.publish()
    before = path.read_bytes()

    async def broken() -> Content:
        raise OSError("the store is away")

    two = Publisher(path, Fixed(), broken, Hosts(Names()), Errands("test"))
    with pytest.raises(OSError, match="away"):
        await two.publish()
    await two.resolve()
    assert path.read_bytes() == before


async def test_a_kill_while_writing_leaves_a_whole_file(tmp_path: Path) -> None:
    """A reader that looks all the time never sees half a table."""
    path = tmp_path / "routing.json"
    file, seen, stop = RoutingFile(path), set(), threading.Event()
    routing_file.write(path, encode(table(revision=0)))

    def write() -> None:
        for revision in range(1, 200):
            routing_file.write(path, encode(table(*["sip:a@10.0.0.1"] * 50, revision=revision)))
        stop.set()

    writing = asyncio.ensure_future(Errands("writer").do(write))
    while not stop.is_set():
        found = file.look()
        if found:
            seen.add(found.revision)
        await asyncio.sleep(0)
    await writing
    assert len(seen) > 1


# A large office


def ticking(step_s: float) -> Callable[[], float]:
    """A clock on which every look takes that long."""
    ticks = itertools.count()
    return lambda: next(ticks) * step_s


def groups(count: int, revision: int = 1) -> RoutingTable:
    return RoutingTable(revision, {str(n): Group(f"G{n}", str(n)) for n in range(1, count + 1)})


def test_a_turn_reads_no_longer_than_it_may(tmp_path: Path) -> None:
    path = tmp_path / "routing.json"
    routing_file.write(path, encode(groups(100)))
    file = RoutingFile(path, ticking(0.001))
    assert file.turn(0.010) is None
    assert file.is_reading
    turns = 1
    while (found := file.turn(0.010)) is None:
        turns += 1
    assert found == groups(100)
    assert turns == 102 // 10
    assert not file.is_reading
    assert file.turn(0.010) is None


def test_a_file_that_comes_while_one_is_read_is_read_after_it(tmp_path: Path) -> None:
    path = tmp_path / "routing.json"
    routing_file.write(path, encode(groups(50, revision=1)))
    file = RoutingFile(path, ticking(0.001))
    assert file.turn(0.005) is None
    routing_file.write(path, encode(groups(50, revision=2)))
    found = [table.revision for _ in range(100) if (table := file.turn(0.005))]
    assert found == [1, 2]


def test_a_mistake_at_the_end_of_a_file_leaves_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "routing.json"
    path.write_bytes(encode(groups(50))[:-3])
    file = RoutingFile(path, ticking(0.001))
    with pytest.raises(TableError):
        read_on(file)
    assert not file.is_reading
    assert file.turn(0.005) is None
    routing_file.write(path, encode(groups(2)))
    assert file.look() == groups(2)


def read_on(file: RoutingFile) -> None:
    for _ in range(100):
        assert file.turn(0.005) is None


async def test_what_the_publisher_keeps_does_not_grow_with_the_office(tmp_path: Path) -> None:
    one = publisher(tmp_path / "routing.json", Store(groups(100)), Names())
    await one.publish()
    assert one.table
    assert list(one.table.groups) == ["1", "2", "3"]
    assert len(decode((tmp_path / "routing.json").read_bytes()).groups) == 100
