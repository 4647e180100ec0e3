"""The routing table as text: nothing is lost, and nothing wrong gets in."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import table
from router.model import Group, Peer, RoutingTable, VipEntry
from router.table import TableError
from tests.router.office import group, office, person

BOARD = office(
    group(assistants=["B"], vip_entries=(VipEntry("1", expires=datetime(2027, 1, 1, tzinfo=UTC)),)),
    hosts={"pbx.example": "192.0.2.1"},
)


@st.composite
def tables(draw: st.DrawFn) -> RoutingTable:
    entries = st.builds(VipEntry, expires=st.none() | st.datetimes(timezones=st.just(UTC)))
    numbers = draw(st.lists(st.text(), unique=True, max_size=2))
    groups = {
        number: draw(
            st.builds(
                Group, manager_number=st.just(number), vip_entries=st.lists(entries, max_size=2).map(tuple)
            )
        )
        for number in numbers
    }
    return draw(st.builds(RoutingTable, groups=st.just(groups), hosts=st.dictionaries(st.text(), st.text())))


@given(tables())
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_decoded_again(made: RoutingTable) -> None:
    assert table.decode(table.encode(made)) == made


def changed(change: dict[str, Any]) -> str:
    """BOARD's text with some values changed; keys are paths."""
    data = json.loads(table.encode(BOARD))
    for path, value in change.items():
        *way, last = path.split("/")
        place = data
        for name in way:
            place = place[int(name)] if isinstance(place, list) else place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return json.dumps(data)


BOARD_PATH = "table/groups/200"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "routing table: version: expected 1, found 2"),
        ({"table": []}, "routing table: expected an object, found []"),
        ({"table/colour": 1}, "routing table: colour: not known in this version"),
        ({"table/peers": [{"name": "p"}]}, "routing table: peers[0].host: missing"),
        (
            {"table/peers/0/port": "5060"},
            'routing table: peers[0].port: expected a whole number, found "5060"',
        ),
        ({"table/revision": True}, "routing table: revision: expected a whole number, found true"),
        ({"table/hosts/pbx.example": 1}, "routing table: hosts.pbx.example: expected text, found 1"),
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
    for length in range(len(text)):
        with pytest.raises(TableError):
            table.decode(text[:length])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
@settings(max_examples=100)
def test_any_json_is_a_table_or_refused(data: object) -> None:
    for text in (json.dumps(data), json.dumps({"version": 1, "table": data})):
        with suppress(TableError):
            assert isinstance(table.decode(text), RoutingTable)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(TableError):
        table.decode("[" * 100_000)


def test_large_office_is_read_quickly() -> None:
    """The router reads it in the thread that carries the calls."""
    people = [person(f"u{number}") for number in range(5)]
    groups = [group(person("M"), people, name=f"G{n}", manager_number=str(n)) for n in range(200)]  # type: ignore[arg-type]
    text = table.encode(office(*groups, peers=(Peer("pbx", "192.0.2.1"),)))
    assert len(table.decode(text).groups) == 200
