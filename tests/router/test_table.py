"""The routing table as text: nothing is lost, and nothing wrong gets in."""

from __future__ import annotations

import gc
import json
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import table
from router.model import Contact, Group, RoutingTable, VipEntry
from router.numbers import normalise
from router.reception import Reception
from router.table import TableError
from router.vip import Directory
from tests.router.office import group, office, person

BOARD = office(
    group(assistants=["B"], vip_entries=(VipEntry("1", expires=datetime(2027, 1, 1, tzinfo=UTC)),)),
    hosts={"pbx.example": "192.0.2.1"},
)


@st.composite
def tables(draw: st.DrawFn) -> RoutingTable:
    entries = st.builds(VipEntry, expires=st.none() | st.datetimes(timezones=st.just(UTC)))
    numbers = draw(
        st.lists(st.text().map(normalise).filter(lambda n: normalise(n) == n), unique=True, max_size=2)
    )
    groups = {
        number: draw(
            st.builds(
                Group, manager_number=st.just(number), vip_entries=st.lists(entries, max_size=2).map(tuple)
            )
        )
        for number in numbers
    }
    contacts = draw(
        st.lists(st.builds(Contact, numbers=st.lists(st.text(), max_size=2).map(tuple)), max_size=3)
    )
    return draw(
        st.builds(
            RoutingTable,
            groups=st.just(groups),
            contacts=st.just(Directory.of(contacts).by_number),
            hosts=st.dictionaries(st.text(), st.text()),
        )
    )


@given(tables())
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_decoded_again(made: RoutingTable) -> None:
    assert table.decode(table.encode(made)) == made


def text_of(lines: list[Any]) -> bytes:
    """A file of these lines, with its checksum."""
    first, *rest = (json.dumps(line).encode() + b"\n" for line in lines)
    return table.seal(first, b"".join(rest))


def changed(change: dict[str, Any]) -> bytes:
    """BOARD's file with some values changed; keys are paths."""
    lines = [json.loads(line) for line in table.encode(BOARD).splitlines()]
    for path, value in change.items():
        *way, last = path.split("/")
        place: Any = lines
        for name in way:
            place = place[int(name)] if isinstance(place, list) else place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return text_of(lines[:-1])


BOARD_PATH = "1/2"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0/version": 1}, "routing table: version: expected 2, found 1"),
        ({"0/table": []}, "routing table: expected an object, found []"),
        ({"0/table/colour": 1}, "routing table: colour: not known in this version"),
        ({"0/table/peers": [{"name": "p"}]}, "routing table: peers[0].host: missing"),
        (
            {"0/table/peers/0/port": "5060"},
            'routing table: peers[0].port: expected a whole number, found "5060"',
        ),
        ({"0/table/revision": True}, "routing table: revision: expected a whole number, found true"),
        ({"0/table/hosts/pbx.example": 1}, "routing table: hosts.pbx.example: expected text, found 1"),
        (
            {f"{BOARD_PATH}/assistants/0/presence": "asleep"},
            "routing table: groups.200.assistants[0].presence: expected one of available, away, busy, dnd,"
            ' found "asleep"',
        ),
        (
            {f"{BOARD_PATH}/vip_entries/0/expires": "2027-01-01T00:00:00"},
            "routing table: groups.200.vip_entries[0].expires: expected a date and time with its zone, found"
            ' "2027-01-01T00:00:00"',
        ),
        (
            {f"{BOARD_PATH}/manager_number": "201"},
            "routing table: groups.200.manager_number: expected '200', found '201'",
        ),
        ({f"{BOARD_PATH}/name": None}, "routing table: groups.200.name: missing"),
        ({f"{BOARD_PATH}/show_vip_calls": True}, None),
        ({f"{BOARD_PATH}/overflow/kind": ["busy"]}, None),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: dict[str, Any], message: str | None) -> None:
    with pytest.raises(TableError) as refused:
        table.decode(changed(change))
    assert message is None or str(refused.value) == message


def test_table_that_was_cut_off_is_refused_at_every_length() -> None:
    text = table.encode(BOARD)
    for length in range(len(text) - 1):  # the last one is the end of the line
        with pytest.raises(TableError):
            table.decode(text[:length])


def test_a_byte_that_has_changed_is_found() -> None:
    text = table.encode(BOARD)
    for place in range(len(text) - 1):
        broken = text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]
        with pytest.raises(TableError):
            table.decode(broken)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([["end", "00000000"]], "expected an object with version and table"),
        ([{"version": 2, "table": {}}, ["group", "1"]], "expected a group, contacts or the end"),
        ([{"version": 2, "table": {}}, ["contacts", [{"name": 1}]]], r"contacts\[0\].name: expected text"),
        ([{"version": 2, "table": {}}, ["end", "00000000"]], "the checksum is"),
    ],
)
def test_lines_that_are_out_of_place_are_refused(lines: list[Any], message: str) -> None:
    with pytest.raises(TableError, match=message):
        table.decode(text_of(lines))


def test_nothing_follows_the_end() -> None:
    with pytest.raises(TableError, match="something follows the end"):
        table.decode(table.encode(BOARD) + b"[]\n")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
@settings(max_examples=100)
def test_any_json_is_a_table_or_refused(data: object) -> None:
    good = {"version": 2, "table": {}}
    for lines in ([data], [{"version": 2, "table": data}], [good, data], [good, ["group", "1", data]]):
        with suppress(TableError):
            assert isinstance(table.decode(text_of(lines)), RoutingTable)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(TableError):
        table.decode(b"[" * 100_000)


# A large office


def large(groups: int, contacts: int = 0) -> RoutingTable:
    people = [person(f"u{number}") for number in range(5)]
    boards = [group(person("M"), people, name=f"G{n}", manager_number=str(n)) for n in range(1, groups + 1)]  # type: ignore[arg-type]
    listed = tuple(Contact(f"C{n}", (f"+41{n}", f"+49{n}"), n % 10) for n in range(contacts))
    return office(*boards, contacts=listed)


def test_the_work_for_a_line_is_bounded_whatever_the_size_of_the_office() -> None:
    """Counted in calls: the time of a line is what a call may have to wait."""
    costs = {}
    for size in (100, 2000):
        text, counted = table.encode(large(size, size)), []
        reader = table.TableReader()
        for line in text.splitlines(keepends=True):
            with counting_calls() as calls:
                reader.feed(line)
            counted.append(calls.count)
        costs[size] = max(counted)
        assert len(reader.table().groups) == size
    assert costs[2000] <= 1.2 * costs[100]


def test_a_table_that_has_been_read_holds_lines_and_makes_groups_when_they_are_asked_for() -> None:
    made = large(2000)
    read = table.decode(table.encode(made))
    assert (len(read.groups), "1999" in read.groups, "0" in read.groups) == (2000, True, False)
    gc.collect()
    before = len(gc.get_objects())
    assert read.groups["17"] == made.groups["17"]
    assert read.groups["17"] is read.groups["17"]
    assert read.groups.get("0") is None
    for number in read.groups:
        assert read.groups[number].manager_number == number
    gc.collect()
    objects_a_group = 1 + 6 + 2
    assert len(gc.get_objects()) - before < table.RECENT_GROUPS * (objects_a_group + 4)
    assert read == made


def test_swapping_a_table_costs_the_same_whatever_its_size() -> None:
    costs = []
    for size in (10, 2000):
        read = table.decode(table.encode(large(size, size)))
        with counting_calls() as calls:
            reception = Reception(read)
        costs.append(calls.count)
        assert reception.group("7") == read.groups["7"]
    assert costs[0] == costs[1]


def test_a_group_that_has_not_changed_costs_next_to_nothing_and_stays_as_it_is() -> None:
    made = large(200)
    old = table.decode(table.encode(made))
    kept, gone = old.groups["7"], old.groups["8"]
    groups = {**made.groups, "8": group(person("X"), manager_number="8")}
    del groups["9"]
    new = replace(made, revision=2, groups=groups)
    reader, costs = table.TableReader(old), {}
    for line in table.encode(new).splitlines(keepends=True):
        with counting_calls() as calls:
            reader.feed(line)
        costs[line[:14]] = calls.count
    read = reader.table()
    assert read == new
    assert read.groups["7"] is kept
    assert read.groups["8"] != gone
    assert costs[b'["group","7",{'] * 3 < costs[b'["group","8",{']


class counting_calls:  # noqa: N801 - reads as a sentence
    """Counts what is called, in Python and in C, while it lasts."""

    def __enter__(self) -> counting_calls:
        self.count = 0

        def called(_frame: object, event: str, _argument: object) -> None:
            self.count += event in ("call", "c_call")

        sys.setprofile(called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
