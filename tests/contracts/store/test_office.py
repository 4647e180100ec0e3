"""Offices: exported, imported, read for routing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from db.errors import (
    RefusedError,
)
from db.office import Office, Team, User
from db.sample import sample_office
from db.store import Store
from db.transfer import OfficeError, dump
from router.model import Contact, Forward, ForwardKind, Overflow, OverflowKind, Presence, VipEntry
from tests.contracts.store.given import ANNA, BERTA, SHIFTED


def test_export_then_import_gives_the_same_store(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    store.accounts.ensure_admin("secret")
    store.variables.set("gDefaultMailbox", "202", ANNA)
    office = store.office.read()
    text = dump(office)
    store.office.write(Office(users=(User("admin", "A", roles=frozenset({"administrator"})),)), ANNA)
    assert store.office.read() != office
    store.office.write(store.office.load(text), ANNA)
    assert store.office.read() == office
    assert store.accounts.verify("admin", "secret")
    assert store.variables.get("gDefaultMailbox").value == "202"


def test_every_part_of_an_office_comes_back(store: Store) -> None:
    until = datetime(2026, 12, 31, 18, 0, 0, 123456, tzinfo=SHIFTED)
    office = Office(
        users=(
            User(
                "anna", "Anna", "sip:anna@127.0.0.1:5071", "201", frozenset({"user", "support"}),
                Presence.DND, "in a meeting", (Forward(ForwardKind.APPLICATION, "group"),), "",
            ),
            User("berta", "Berta Frei", "202", "", frozenset(), password_hash=""),
        ),
        groups=(
            Team(
                "Gruppe Ä", "100", "anna", ("berta",), "welcome.wav", overflow=Overflow(
                    OverflowKind.VOICEMAIL, "201"), vip=(VipEntry("0791T", "Home", until),),
            ),
            Team("Empty"),
        ),
        contacts=(Contact("Same", ("1",), 1), Contact("Same", ("2", "+3"), 9)),
        variables={"gWebTimeout": "30"},
    ).in_order()  # fmt: skip
    store.office.write(office, ANNA)
    assert store.office.read() == office


def test_an_import_says_what_it_did_and_is_noted(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    office = sample_office()
    users = tuple(
        replace(user, name="Berta Neu") if user.user == "berta" else user
        for user in office.users
        if user.user != "frieda"
    )
    groups = tuple(
        replace(team, members=("emil",)) if "frieda" in team.members else team for team in office.groups
    )
    after = replace(office, users=users, groups=groups, variables={"gWebTimeout": "30"})
    summary = store.office.write(after, BERTA)
    assert summary.users.removed == ("frieda",)
    assert summary.users.changed == ("berta",)
    assert summary.groups.changed == ("Workshop",)
    assert summary.variables.added == ("gWebTimeout",)
    note = store.audit.latest(1)[0]
    assert (note.actor, note.action, note.detail) == (BERTA, "office imported", summary.words())
    assert store.variables.history()[0].actor == BERTA


def test_importing_the_same_again_changes_nothing(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    revision = store.revision()
    assert store.office.write(sample_office(), ANNA).words() == "nothing has changed"
    assert store.revision() == revision


def test_the_last_administrator_cannot_be_imported_away(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    store.accounts.ensure_admin("secret")
    before = (store.office.read(), store.revision())
    for users in (
        (User("berta", "Berta", roles=frozenset({"administrator"})),),
        (User("admin", "A", roles=frozenset({"user"})),),
        (User("admin", "A", roles=frozenset({"administrator"}), password_hash=""),),
    ):
        with pytest.raises(RefusedError, match="nobody who can log in as administrator"):
            store.office.write(Office(users=users), ANNA)
    assert (store.office.read(), store.revision()) == before


def test_people_and_groups_may_swap_their_numbers(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    swap = {"201": "202", "202": "201", "100": "110", "110": "100"}
    office = store.office.read()
    swapped = replace(
        office,
        users=tuple(replace(user, number=swap.get(user.number, user.number)) for user in office.users),
        groups=tuple(replace(team, manager_number=swap[team.manager_number]) for team in office.groups),
    )
    store.office.write(swapped, ANNA)
    assert store.office.read() == swapped


def test_a_variable_that_the_file_does_not_set_goes_back_to_its_default(store: Store) -> None:
    store.variables.set("gWebTimeout", "30", ANNA)
    store.office.write(sample_office(), BERTA)
    assert store.variables.get("gWebTimeout").is_default
    assert store.variables.undo(ANNA).new == "30"


def test_a_number_forwarded_to_before_the_limit_does_not_stop_an_import(store: Store) -> None:
    office = sample_office()
    forward = Forward(ForwardKind.LINE_BUSY, "0441234567")
    users = tuple(
        replace(user, forwards=(forward,)) if user.user == "berta" else user for user in office.users
    )
    store.office.write(replace(office, users=users), ANNA)
    store.variables.set("gMaxForwardNumberLen", "4", ANNA)
    text = dump(store.office.read())
    assert store.office.load(text) == store.office.read()
    with pytest.raises(OfficeError, match="gMaxForwardNumberLen allows 4"):
        store.office.load(text.replace("0441234567", "0441234568"))


def test_the_routing_table_is_the_office(store: Store) -> None:
    store.office.write(sample_office(), ANNA)
    store.variables.set("gStripCallerID", "1", ANNA)
    store.variables.set("gTransferWithCallerID", "0", ANNA)
    table = store.routing_table()
    management = table.groups["100"]
    assert management.manager is not None
    assert management.manager.address == "sip:anna@127.0.0.1:5071"
    assert [person.user for person in management.assistants] == ["berta", "carla"]
    assert [entry.pattern for entry in management.vip_entries] == ["+4179555012."]
    assert table.groups["110"].manager is None
    assert table.contacts["+41445550190"].rank == 9
    assert (table.settings.strip_caller_id, table.settings.transfer_with_caller_id) == (1, False)
    assert (table.revision, table.peers) == (store.revision(), ())


def test_a_group_without_manager_number_is_not_routed(store: Store) -> None:
    store.office.write(Office(groups=(Team("Off"),)), ANNA)
    assert store.routing_table().groups == {}
