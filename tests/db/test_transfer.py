from __future__ import annotations

import stat
import string
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from db import sample
from db.errors import StoreError
from db.office import Office, User, summary
from db.store import Store, prepare
from db.transfer import OfficeError, Problem, dump, load, load_file, save
from db.transfer.document import LONGEST
from db.variables.states import Actor
from router.model import Contact, Forward, ForwardKind, Overflow, OverflowKind, ShowVip, VipRouting
from tests.db.offices import HASH, offices
from tests.postgres import fresh_database

CLI = Actor("root", "", "cli")

WHOLE = """\
users:
  anna: {name: Anna, address: 'sip:anna@127.0.0.1:5071', number: 0201}
  berta: {name: Berta, address: 0202}
  dora: {name: Dora}
groups:
  Office:
    manager_number: 0100
    manager: anna
    members: [berta]
contacts: []
variables: {}
"""


def problems(text: str, **context: object) -> list[Problem]:
    with pytest.raises(OfficeError) as refused:
        load(text, **context)  # type: ignore[arg-type]
    assert refused.value.hint
    return list(refused.value.problems)


def only(text: str, **context: object) -> str:
    """The one problem, as it is shown."""
    found = problems(text, **context)
    assert len(found) == 1, found
    return str(found[0])


def changed(old: str, new: str) -> str:
    assert WHOLE.count(old) == 1
    return WHOLE.replace(old, new)


# What is right


def test_numbers_stay_as_they_are_written() -> None:
    office = load(WHOLE)
    assert [user.number for user in office.users] == ["0201", "", ""]
    assert office.users[1].address == "0202"
    assert office.groups[0].manager_number == "0100"


def test_the_words_of_the_file_and_the_numbers_of_the_documents_mean_the_same() -> None:
    words = changed(
        "members: [berta]", "show_vip_calls: anonymous\n    vip_routing: as_others\n    overflow: busy"
    )
    digits = changed("members: [berta]", "show_vip_calls: 2\n    vip_routing: 2\n    overflow: -3")
    assert load(words) == load(digits)
    team = load(words).groups[0]
    assert (team.show_vip_calls, team.vip_routing) == (ShowVip.ANONYMOUS, VipRouting.AS_OTHERS)
    assert team.overflow == Overflow(OverflowKind.BUSY)


def test_numbers_of_contacts_are_kept_as_they_are_compared() -> None:
    text = changed(
        "contacts: []", "contacts: [{name: Hofer, numbers: ['0041 31 555 01 44', +41 (0)31 555-01-45]}]"
    )
    assert load(text).contacts == (Contact("Hofer", ("+41315550144", "+41315550145")),)


def test_a_variable_is_kept_in_its_stored_form_under_its_name() -> None:
    text = changed("variables: {}", "variables: {gwebserverrestart: 'sun,wed 02:00', gDefaultMailbox: 0201}")
    assert load(text).variables == {"gDefaultMailbox": "0201", "gWebServerRestart": "9,02:00"}


def test_a_byte_order_mark_and_windows_lines_are_let_pass(tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode())
    assert load_file(file) == load(WHOLE)


def test_the_sample_office_is_right_on_every_edition() -> None:
    for edition in ("express", "ucm", "one"):
        office = load(sample.sample_text(), edition=edition)
        assert office == sample.sample_office()
    assert [team.name for team in office.groups] == ["Management", "Workshop"]
    assert office.groups[0].manager == "anna"
    addresses = [user.address for user in office.users if user.address]
    names = ("anna", "berta", "carla", "emil", "frieda")
    assert addresses == [f"sip:{names[n]}@127.0.0.1:{5071 + 10 * n}" for n in range(5)]
    assert all(
        address.removeprefix("sip:").partition("@")[2] in sample.sample_text() for address in addresses
    )


# What is wrong: line, field, what is right


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: Dora", "nam: Dora", "line 4, users.dora: name is missing"),
        ("{name: Dora}", "{name: Dora, adress: 1}", "line 4, users.dora.adress: there is no such field; did"),
        ("{name: Dora}", "{name: Dora, name: D}", "line 4, users.dora.name: is there twice; the first is in"),
        ("  dora:", "  anna:", "line 4, users.anna: is there twice; the first is in line 2"),
        ("  dora:", "  Dora:", "line 4, users.Dora: 'Dora' is no user name: small letters"),
        ("{name: Dora}", "Dora", "line 4, users.dora: expected fields (name: value), not the text 'Dora'"),
        ("name: Dora", "name: [Dora]", "line 4, users.dora.name: expected a text, not a list"),
        ("name: Dora", r'name: "a\nb"', "line 4, users.dora.name: has control characters or line ends"),
        ("name: Dora", f"name: {'x' * 101}", "line 4, users.dora.name: has 101 characters; at most 100"),
        ("{name: Dora}", "{name: D, number: 0201}", "line 4, users.dora: number 0201 is taken already, in l"),
        ("{name: Dora}", "{name: D, number: 2o1}", "line 4, users.dora.number: '2o1' is no telephone number"),
        ("address: 0202", "address: berta@home", "line 3, users.berta.address: 'berta@home' is no phone; ri"),
        ("127.0.0.1:5071", "127.0.0.300:5071", "line 2, users.anna.address: 'sip:anna@127.0.0.300:5071': 12"),
        ("127.0.0.1:5071", "127.0.0.1:70000", "is no phone; right is"),
        ("{name: Dora}", "{name: D, roles: [root]}", "line 4, users.dora.roles[1]: 'root' is unknown; right"),
        ("{name: Dora}", "{name: D, roles: administrator}", "users.dora.roles: expected a list, not the tex"),
        ("{name: Dora}", "{name: D, presence: dnb}", "line 4, users.dora.presence: 'dnb' is unknown; did yo"),
        ("{name: Dora}", "{name: D, password_hash: secret}", "users.dora.password_hash: this is no argon2id"),
        ("{name: Dora}", "{name: D, forwards: [{kind: line_busy, target: group}]}", "'group' is no target;"),
        ("{name: Dora}", "{name: D, forwards: [{kind: application, target: 1}]}", "is for managers of a gro"),
        ("{name: Dora}", "{name: D, forwards: [{kind: line_busy}]}", "users.dora.forwards[1]: target is mis"),
        ("manager: anna", "manager: ana", "line 8, groups.Office.manager: 'ana', who is no user of this fil"),
        ("manager: anna", "manager: [anna, berta]", "line 8, groups.Office.manager: a group has at most one"),
        ("manager: anna", "manager: berta", "line 9, groups.Office.members[1]: berta is the manager of this"),
        ("[berta]", "[berta, berta]", "line 9, groups.Office.members[2]: berta is there twice"),
        ("[berta]", "[berta, dora]", "line 9, groups.Office.members[2]: dora has no phone (address)"),
        ("[berta]", "berta", "line 9, groups.Office.members: expected a list, not the text 'berta'"),
        ("[berta]", "[]\n    vip_threshold: 10", "line 10, groups.Office.vip_threshold: 10 is out of range;"),
        ("[berta]", "[]\n    manager_timeout: soon", "groups.Office.manager_timeout: 'soon' is not a whole"),
        ("[berta]", "[]\n    ring_parallel: maybe", "groups.Office.ring_parallel: 'maybe' is neither yes no"),
        ("[berta]", "[]\n    strategy: random", "groups.Office.strategy: 'random' is unknown; right is one"),
        ("[berta]", "[]\n    overflow: voicemail", "groups.Office.overflow: 'voicemail' is no overflow; rig"),
        ("[berta]", "[]\n    announcement: ../x.wav", "groups.Office.announcement: '../x.wav' is not the na"),
        ("[berta]", "[]\n    vip: [07x]", "line 10, groups.Office.vip[1]: '07x' is no VIP entry; right is d"),
        ("[berta]", "[]\n    vip: [{pattern: 1, expires: 2026-12-31}]", "vip[1].expires: '2026-12-31' does"),
        ("[berta]", "[]\n    vip: [{pattern: 1, expires: tomorrow}]", "vip[1].expires: 'tomorrow' is no mom"),
        ("contacts: []", "contacts: [{numbers: [1]}]", "line 10, contacts[1]: name is missing"),
        ("contacts: []", "contacts: [{name: X}]", "line 10, contacts[1]: a contact needs numbers"),
        ("contacts: []", "contacts: [{name: X, numbers: [1, 1]}]", "line 10, contacts[1]: a number is there"),
        ("contacts: []", "contacts: [{name: X, numbers: [x]}]", "contacts[1].numbers[1]: 'x' is no telephon"),
        ("contacts: []", "contacts: {X: 1}", "line 10, contacts: expected a list, not fields"),
        ("variables: {}", "variables: {gWebTimeot: 1}", "line 11, variables.gWebTimeot: there is no system"),
        ("variables: {}", "variables: {gWebTimeout: x}", "line 11, variables.gWebTimeout: 'x' is not a whol"),
        ("variables: {}", "variables: {gDefaultMailbox: 7}", "variables.gDefaultMailbox: no user has the nu"),
        ("variables: {}", "variables: {gSyncLineName: 1}", "variables.gSyncLineName: gSyncLineName cannot b"),
        ("variables: {}", "variables: {gWebTimeout: 1, gwebtimeout: 2}", "gwebtimeout: gWebTimeout is there"),
        ("variables: {}", "", "line 1: variables is missing"),
        ("variables: {}", "variables: {}\nformat: 2", "line 1: format 2 is of a newer version; this one kno"),
        ("variables: {}", "variables: {}\nextra: 2", "line 12, extra: there is no such field; right is one"),
        ("variables: {}", "variables: {}\n---\nusers: {}", "line 12: a second document begins here"),
        ("variables: {}", "variables: {}\n\tx: 1", "line 12: this is not YAML"),
        ("[berta]", "&all [berta]", "line 9: references (& and *) are not used in an office file"),
        ("[berta]", "*all", "line 9: references (& and *) are not used in an office file"),
        ("name: Dora", "name: !!python/name:os.system x", "line 4: tags (tag:yaml.org,2002:python/name:os.s"),
        ("name: Dora", 'name: "a\0b"', "line 4: this is not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_line_and_field(old: str, new: str, said: str) -> None:
    found = [str(problem) for problem in problems(changed(old, new))]
    assert any(said in problem for problem in found), found


def test_every_mistake_is_named_at_once_in_the_order_of_the_file() -> None:
    text = (
        WHOLE.replace("name: Dora", "nam: Dora")
        .replace("anna\n", "ana\n")
        .replace("variables: {}", "variables: 1")
    )
    assert [problem.line for problem in problems(text)] == [4, 4, 8, 11]


def test_thousands_of_mistakes_are_counted_but_not_all_shown() -> None:
    text = changed("contacts: []", "contacts:\n" + "  - {name: x}\n" * 3000)
    with pytest.raises(OfficeError, match="and 2980 more") as refused:
        load(text)
    assert len(refused.value.problems) == 3000


def test_a_forwarding_is_as_long_as_the_file_itself_allows() -> None:
    text = changed("{name: Dora}", "{name: D, forwards: [{kind: line_busy, target: +41441234567}]}")
    assert load(text).users[-1].forwards == (Forward(ForwardKind.LINE_BUSY, "+41441234567"),)
    short = text.replace("variables: {}", "variables: {gMaxForwardNumberLen: 10}")
    assert "+41441234567 has 11 digits; gMaxForwardNumberLen allows 10" in only(short)
    overflow = changed("[berta]", "[berta]\n    overflow: '12345'").replace(
        "variables: {}", "variables: {gMaxForwardNumberLen: 4}"
    )
    assert "overflow: 12345 has 5 digits; gMaxForwardNumberLen allows 4" in only(overflow)


def test_what_is_set_already_is_not_measured_again() -> None:
    text = changed("{name: Dora}", "{name: D, forwards: [{kind: line_busy, target: 12345}]}").replace(
        "variables: {}", "variables: {gMaxForwardNumberLen: 4, gSyncLineName: 1, gCocProxyMemory: 9000}"
    )
    present = load(text.replace("gMaxForwardNumberLen: 4, ", ""), edition="express")
    assert len(problems(text, edition="ucm", ram_mb=1024)) == 3
    office = load(text, edition="ucm", ram_mb=1024, present=present)
    assert office.variables["gSyncLineName"] == "1"


def test_a_mailbox_of_nobody_is_refused_even_if_it_is_set_already() -> None:
    text = changed("variables: {}", "variables: {gDefaultMailbox: 0201}")
    present = load(text)
    assert "no user has the number 0201" in only(
        text.replace("number: 0201", "number: 0301"), present=present
    )


# What is hostile


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "[]",
        "text",
        "a: " + "[" * 100_000,
        "{" * 100_000,
        "a:\n" + "".join(" " * depth + "a:\n" for depth in range(1, 2000)),
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]",
        "x" * (LONGEST + 1),
        "[" + "1," * 500_000 + "]",
        "? [a, b]\n: c",
        "users: {? {a: b} : c}",
        "<<: {users: {}}",
        "%YAML 9.9\n---\nusers: {}",
        "users: \ud800",
        "\ufffe\uffff",
        '"\\ud800": x',
    ],
    ids=range(17),
)
def test_a_hostile_file_is_refused_quickly(text: str) -> None:
    assert problems(text)


@settings(max_examples=300, deadline=None)
@given(st.text(string.printable, max_size=200) | st.text(max_size=100))
@example("users: ? :")
@example("a: !!float nan")
@example("users: {a: {name: 2026-01-01}}")
def test_any_text_is_an_office_or_refused_with_lines(text: str) -> None:
    assert all(problem.line >= 1 for problem in problems(text))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_small_damage_of_a_file_is_noticed_or_harmless(data: st.DataObject) -> None:
    whole = sample.sample_text()
    start = data.draw(st.integers(0, len(whole)))
    text = whole[:start] + data.draw(st.text(max_size=3)) + whole[start + data.draw(st.integers(0, 3)) :]
    try:
        office = load(text)
    except OfficeError as refused:
        assert refused.problems  # noqa: PT017
        return
    assert load(dump(office)) == office


# There and back


@settings(max_examples=40, deadline=None)
@given(offices())
def test_what_is_written_is_read_as_it_was(office: Office) -> None:
    assert load(dump(office)) == office
    assert dump(load(dump(office))) == dump(office)


@settings(max_examples=40, deadline=None)
@given(offices())
def test_without_passwords_everything_else_is_there(office: Office) -> None:
    text = dump(office, passwords=False)
    assert "argon2id" not in text
    assert "password_hash:" not in text
    assert all(user.password_hash is None for user in load(text).users)
    assert dump(load(text), passwords=False) == text


@pytest.fixture(scope="module")
def stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Store]]:
    urls = {
        "sqlite": f"sqlite:///{tmp_path_factory.mktemp('store')}/callisto.db",
        "postgresql": fresh_database(request),
    }
    with ExitStack() as opened:
        for url in urls.values():
            prepare(url)
        yield {kind: opened.enter_context(Store.open(url)) for kind, url in urls.items()}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=offices(), after=offices())
def test_an_imported_office_is_exported_as_it_was(
    kind: str, stores: dict[str, Store], before: Office, after: Office
) -> None:
    """Whatever was there before: everything is replaced."""
    store = stores[kind]
    admin = User("zz-admin", "A", roles=frozenset({"administrator"}), password_hash=HASH)
    for office in (before, after):
        wanted = Office((*office.users, admin), office.groups, office.contacts, office.variables).in_order()
        store.office.write(store.office.load(dump(wanted)), CLI)
        assert store.office.read() == wanted
        assert store.office.load(dump(store.office.read())) == wanted
        assert set(store.routing_table().groups) == {
            team.manager_number for team in office.groups if team.manager_number
        }


# Files


def test_a_saved_file_is_for_its_owner_only_and_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    file.write_text("before")
    file.chmod(0o644)
    save(file, WHOLE)
    assert file.read_text() == WHOLE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(UnicodeEncodeError):
        save(file, "\ud800")
    assert file.read_text() == WHOLE
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere\.yaml cannot be read: No such file") as refused:
        load_file(tmp_path / "nowhere.yaml")
    assert refused.value.hint
    with pytest.raises(StoreError, match="Is a directory"):
        load_file(tmp_path)


def test_a_file_that_is_no_text_is_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    file.write_bytes(b"users:\n  anna: {name: M\xfcller}\n")
    with pytest.raises(OfficeError, match="line 2: this is not text in UTF-8"):
        load_file(file)


def test_a_summary_counts_and_says_nothing_when_nothing_changed() -> None:
    office = sample.sample_office()
    assert summary(office, office).words() == "nothing has changed"
    assert summary(Office(), office).words() == "users: 6 added; groups: 2 added; contacts: 2 added"
    twins = Office(contacts=(Contact("X", ("1",)), Contact("X", ("2",))))
    assert summary(twins, Office(contacts=twins.contacts[:1])).words() == "contacts: 1 removed"


def test_the_c_parser_is_there() -> None:
    """Without it an office of a thousand people takes half a minute."""
    import yaml

    assert yaml.__with_libyaml__
