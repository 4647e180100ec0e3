"""Updates and the way back, with a power that may fail after each step of them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware import signature
from tests.firmware import signing
from tests.firmware.signing import Keys
from tests.firmware.switch.house import BASE, NEW, OLD, House, PowerFailedError, bundle_of, failing_power, lay


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return signing.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def application(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of("application", NEW, keys, tmp_path_factory.mktemp("a") / f"callisto-{NEW}.app.raucb")


@pytest.fixture(scope="module")
def system(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of("system", NEW, keys, tmp_path_factory.mktemp("s") / f"callisto-{NEW}.raucb")


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    """A program is started for each signature; and what the power takes here was written long ago."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signature, "verify_attached", functools.cache(signature.verify_attached))
        patch.setattr(os, "fsync", lambda _handle: None)
        yield


@pytest.fixture
def new_house(keys: Keys, tmp_path: Path) -> Callable[[], House]:
    count = iter(range(1000))

    def made() -> House:
        house = House(tmp_path / str(next(count)))
        house.places.keyring.parent.mkdir(parents=True)
        house.places.keyring.symlink_to(keys.ca)
        house.boot()
        return house

    return made


@pytest.fixture
def house(new_house: Callable[[], House]) -> House:
    return new_house()


def test_an_application_runs_from_its_bundle_and_after_each_start(house: House, application: Path) -> None:
    house.ask("install", lay(application, house))
    told = house.records.outcome()
    assert told is not None
    assert (told.what, told.start, told.end, told.ok, told.who) == ("confirmed", OLD, NEW, True, "anna")
    assert house.serves == NEW
    house.boot_until_it_rests()
    assert house.serves == NEW
    assert house.records.outcome() == told


@pytest.mark.parametrize(("schema", "apart"), [("0005", True), ("0006", False)])
def test_services_go_on_while_the_supervisor_starts_unless_it_migrates_the_store(
    house: House, application: Path, schema: str, apart: bool
) -> None:
    house.schemas = {NEW: schema}
    house.ask("install", lay(application, house))
    assert house.restarted_apart is apart


def test_an_application_that_does_not_answer_is_gone_back_from(house: House, application: Path) -> None:
    house.broken = {NEW}
    house.ask("install", lay(application, house))
    told = house.records.outcome()
    assert told is not None
    assert (told.what, told.start, told.end, told.ok) == ("fell back", NEW, OLD, False)
    assert told.reason == "shell: no answer"
    assert house.serves == OLD
    assert not list(house.places.applications.iterdir())


def test_an_application_whose_own_program_refuses_the_store_changes_nothing(
    house: House, application: Path
) -> None:
    house.refusing = {NEW}
    served = house.serves
    house.ask("install", lay(application, house))
    told = house.records.outcome()
    assert told is not None
    assert told.what == "refused"
    assert "it cannot read this store" in told.reason
    assert house.serves == served == OLD
    assert not list(house.places.applications.iterdir())
    assert not house.opened


def test_back_is_to_the_application_before_and_then_to_the_one_built_in(
    house: House, application: Path, keys: Keys, tmp_path: Path
) -> None:
    later = bundle_of("application", "1.2.0", keys, tmp_path / "callisto-1.2.0.app.raucb")
    house.ask("install", lay(application, house), number=1)
    house.ask("install", lay(later, house), number=2)
    assert house.serves == "1.2.0"
    for number, expected in ((3, NEW), (4, OLD)):
        house.ask("back", number=number)
        told = house.records.outcome()
        assert told is not None
        assert (told.what, told.end, told.ok) == ("went back", expected, True)
        assert house.serves == expected
        assert house.told_at_restart != str(number)  # it has not happened yet
    house.ask("back", number=5)
    told = house.records.outcome()
    assert told is not None
    assert told.what == "refused"


@pytest.mark.parametrize("do", ["install", "back"])
def test_what_is_built_in_runs_when_the_application_before_is_damaged_and_it_is_told(
    house: House, application: Path, keys: Keys, tmp_path: Path, do: str
) -> None:
    later = bundle_of("application", "1.2.0", keys, tmp_path / "callisto-1.2.0.app.raucb")
    house.ask("install", lay(application, house), number=1)
    if do == "back":
        house.ask("install", lay(later, house), number=2)
    else:
        house.broken = {"1.2.0"}
    copy = house.places.applications / application.name
    copy.write_bytes(copy.read_bytes()[:-100])
    house.ask(do, lay(later, house) if do == "install" else "", number=3)
    told = house.records.outcome()
    assert told is not None
    assert (told.id, told.who, told.what, told.ok) == ("3", "anna", "fell back", False)
    assert (told.start, told.end) == ("1.2.0", OLD)
    assert f"{application.name} cannot be used" in told.reason
    assert ("shell: no answer" in told.reason) == (do == "install")
    assert house.serves == OLD


def test_power_that_fails_on_the_way_back_to_a_damaged_application_does_not_hide_why(
    new_house: Callable[[], House],
    application: Path,
    keys: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever is served what is built in, and not the application before, is told why."""
    later = bundle_of("application", "1.2.0", keys, tmp_path / "callisto-1.2.0.app.raucb")
    served = set()
    for after in range(200):
        house = new_house()
        house.ask("install", lay(application, house), number=1)
        house.ask("install", lay(later, house), number=2)
        copy = house.places.applications / application.name
        copy.write_bytes(copy.read_bytes()[:-100])
        try:
            with failing_power(house, after, monkeypatch):
                house.ask("back", number=3)
            break
        except PowerFailedError:
            house.boot_until_it_rests()
        told = house.records.outcome()
        assert told is not None
        if house.serves == OLD:
            assert not told.ok
            assert f"{application.name} cannot be used" in told.reason
        served.add(house.serves)
    assert served == {"1.2.0", OLD}


@pytest.mark.parametrize("kind", ["application", "system"])
def test_power_that_fails_on_the_way_back_leaves_one_of_the_two_and_tells_which(
    new_house: Callable[[], House],
    application: Path,
    system: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = set()
    for after in range(200):
        house = new_house()
        if kind == "application":
            house.ask("install", lay(application, house), number=1)
        else:
            house.ask("install", lay(system, house), number=1)
            house.ask("reboot", number=2)
            house.boot_until_it_rests()
        try:
            with failing_power(house, after, monkeypatch):
                house.ask("back", number=3)
            break
        except PowerFailedError:
            house.boot_until_it_rests()
        told = house.records.outcome()
        assert told is not None
        assert (told.what == "went back") == (house.serves == OLD)
        if house.records.progress_of() == "3":
            assert (told.id, told.kind) == ("3", kind)
            assert told.what == "went back" or "was switched off before it" in told.reason
        served.add(house.serves)
        house.boot_until_it_rests()
        assert house.records.outcome() == told
    assert served == {NEW, OLD}


@pytest.mark.parametrize("used", [False, True])
def test_a_system_that_is_refused_after_its_slot_was_written_tells_what_was_lost(
    house: House, system: Path, keys: Keys, tmp_path: Path, used: bool
) -> None:
    if used:
        house.ask("install", lay(system, house), number=1)
    later = bundle_of("system", "1.2.0", keys, tmp_path / "callisto-1.2.0.raucb")
    house.refusing = {"1.2.0"}
    house.ask("install", lay(later, house), number=2)
    told = house.records.outcome()
    assert told is not None
    assert told.what == "failed"
    assert ("slot B holds no system any more" in told.reason) == used
    assert house.serves == OLD


def test_a_system_that_is_refused_before_its_slot_was_written_leaves_the_one_in_it(
    house: House, system: Path, keys: Keys, tmp_path: Path
) -> None:
    house.ask("install", lay(system, house), number=1)
    older = bundle_of("system", "0.9.0", keys, tmp_path / "callisto-0.9.0.raucb")
    house.ask("install", lay(older, house), number=2)
    told = house.records.outcome()
    assert told is not None
    assert told.what == "refused"
    assert "holds no system" not in told.reason
    assert house.records.slots().versions == {"A": OLD, "B": NEW}


def test_power_that_fails_while_the_slot_is_written_tells_what_was_lost(
    new_house: Callable[[], House], system: Path, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = bundle_of("system", "1.2.0", keys, tmp_path / "callisto-1.2.0.raucb")
    seen = set()
    for after in range(200):
        house = new_house()
        house.ask("install", lay(system, house), number=1)
        name = lay(later, house)
        try:
            with failing_power(house, after, monkeypatch):
                house.ask("install", name, number=2)
            break
        except PowerFailedError:
            house.boot_until_it_rests()
        told, kept = house.records.outcome(), "B" in house.records.slots().versions
        assert told is not None
        if told.id == "2" and told.what != "installed":
            assert (told.what, "slot B holds no system" in told.reason) == (
                ("refused", False) if kept else ("failed", True)
            )
            seen.add(told.what)
    assert seen == {"refused", "failed"}


def test_a_damaged_copy_of_the_application_is_not_used_and_what_is_built_in_runs(
    house: House, application: Path
) -> None:
    house.ask("install", lay(application, house))
    copy = house.places.applications / application.name
    copy.write_bytes(copy.read_bytes()[:-100])
    house.boot_until_it_rests()
    told = house.records.outcome()
    assert told is not None
    assert (told.what, told.end) == ("fell back", OLD)
    assert "cannot be used" in told.reason
    assert house.serves == OLD


def test_a_system_runs_after_the_reboot_and_is_confirmed_then(house: House, system: Path) -> None:
    house.ask("install", lay(system, house))
    told = house.records.outcome()
    assert told is not None
    assert (told.what, told.end) == ("installed", NEW)
    assert (house.serves, house.preferred, house.rebooting) == (OLD, "A", False)
    house.ask("reboot", number=2)
    assert house.rebooting
    house.boot_until_it_rests()
    told = house.records.outcome()
    assert told is not None
    assert (told.id, told.what, told.start, told.end) == ("2", "confirmed", OLD, NEW)
    assert (house.serves, house.booted) == (NEW, "B")
    assert house.records.slots().versions == {"A": OLD, "B": NEW}
    assert house.records.slots().answered == "B"


def test_a_system_that_does_not_answer_is_given_up_after_two_tries_with_the_reason(
    house: House, system: Path
) -> None:
    house.broken = {NEW}
    house.ask("install", lay(system, house))
    house.ask("reboot", number=2)
    house.boot_until_it_rests()
    told = house.records.outcome()
    assert told is not None
    assert (told.id, told.what, told.start, told.end) == ("2", "fell back", NEW, OLD)
    assert "shell: no answer" in told.reason
    assert (house.serves, house.booted) == (OLD, "A")
    assert house.preferred == "A"
    house.boot_until_it_rests()
    assert house.booted == "A"
    house.ask("back", number=3)
    told = house.records.outcome()
    assert told is not None
    assert (told.what, "to go back to" in told.reason) == ("refused", True)


def test_a_boot_menu_that_has_lost_its_memory_starts_the_old_system_and_says_so(
    house: House, system: Path
) -> None:
    house.ask("install", lay(system, house))
    house.ask("reboot", number=2)
    house.boot_until_it_rests()
    house.preferred = "A"
    house.boot_until_it_rests()
    told = house.records.outcome()
    assert told is not None
    assert (told.what, told.start, told.end) == ("fell back", NEW, OLD)
    assert "memory of the boot menu" in told.reason
    house.boot_until_it_rests()
    assert house.records.outcome() == told
    house.ask("back", number=3)
    house.boot_until_it_rests()
    assert house.serves == NEW


def test_the_system_before_is_gone_back_to(house: House, system: Path) -> None:
    house.ask("install", lay(system, house))
    house.ask("reboot", number=2)
    house.boot_until_it_rests()
    house.ask("back", number=3)
    house.boot_until_it_rests()
    told = house.records.outcome()
    assert told is not None
    assert (told.id, told.what, told.end, told.ok) == ("3", "went back", OLD, True)
    assert house.serves == OLD


def test_a_new_system_brings_its_own_application_and_the_old_one_has_the_old(
    house: House, application: Path, keys: Keys, tmp_path: Path
) -> None:
    later = bundle_of("system", "2.0.0", keys, tmp_path / "callisto-2.0.0.raucb")
    house.ask("install", lay(application, house), number=1)
    house.ask("install", lay(later, house), number=2)
    house.ask("reboot", number=3)
    house.boot_until_it_rests()
    assert house.serves == "2.0.0"
    house.ask("back", number=4)
    house.boot_until_it_rests()
    assert house.serves == NEW


@pytest.mark.parametrize(
    ("what", "reason"),
    [(("0.9.0", BASE), "older than"), ((NEW, "debian13-python3.13"), "it needs a system with")],
)
def test_what_does_not_fit_is_refused_whatever_the_supervisor_thought(
    house: House, keys: Keys, tmp_path: Path, what: tuple[str, str], reason: str
) -> None:
    version, base = what
    file = bundle_of("application", version, keys, tmp_path / f"callisto-{version}.app.raucb", base)
    house.ask("install", lay(file, house))
    told = house.records.outcome()
    assert told is not None
    assert (told.what, told.ok) == ("refused", False)
    assert reason in told.reason
    assert house.serves == OLD


def test_an_older_one_is_installed_when_that_is_said(house: House, keys: Keys, tmp_path: Path) -> None:
    file = bundle_of("application", "0.9.0", keys, tmp_path / "callisto-0.9.0.app.raucb")
    house.ask("install", lay(file, house), downgrade=True)
    assert house.serves == "0.9.0"


@pytest.mark.parametrize("name", ["../callisto.raucb", "/etc/passwd", ".raucb", "callisto.zip", ""])
def test_names_that_are_none_are_refused(house: House, name: str) -> None:
    house.ask("install", name)
    told = house.records.outcome()
    assert told is not None
    assert told.what == "refused"


@pytest.mark.parametrize("at", [10, 5000, -2000, -40, -1])
def test_a_byte_that_is_not_what_was_signed_is_refused_before_anything_is_written(
    house: House, system: Path, at: int
) -> None:
    name = lay(system, house)
    raw = bytearray(system.read_bytes())
    raw[at] ^= 1
    (house.places.shelf / name).write_bytes(raw)
    house.ask("install", name)
    told = house.records.outcome()
    assert told is not None
    assert told.what == "refused"
    assert house.slots == {"A": OLD, "B": ""}
    assert not house.places.installing.exists()


def test_a_request_is_done_once(house: House, application: Path) -> None:
    name = lay(application, house)
    house.ask("install", name)
    house.broken = {NEW}
    house.verbs.request()
    assert house.serves == NEW


@pytest.mark.parametrize("broken", [set(), {NEW}])
def test_power_that_fails_after_any_step_of_an_application_update_leaves_one_that_answers(
    new_house: Callable[[], House], application: Path, broken: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start serves the new or the old one, and what has become of the update is told."""
    for after in range(200):
        house = new_house()
        house.broken = broken
        name = lay(application, house)
        try:
            with failing_power(house, after, monkeypatch):
                house.ask("install", name)
            break
        except PowerFailedError:
            house.boot_until_it_rests()
        assert house.serves in ({OLD} if broken else {OLD, NEW})
        told = house.records.outcome()
        began = house.records.progress_of() == "1"
        assert (told is not None) is began
        if told is not None:
            assert told.id == "1"
            assert house.serves == (told.end or OLD)
        house.ask("install", name, number=2)
        assert house.serves == (OLD if broken else NEW)
    assert after > 20


@pytest.mark.parametrize("broken", [set(), {NEW}])
def test_power_that_fails_after_any_step_of_a_system_update_leaves_one_that_answers(
    new_house: Callable[[], House], system: Path, broken: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for do in ("install", "reboot"):
        for after in range(200):
            house = new_house()
            house.broken = broken
            name = lay(system, house)
            if do == "reboot":
                house.ask("install", name, number=0)
            try:
                with failing_power(house, after, monkeypatch):
                    house.ask(do, name)
                break
            except PowerFailedError:
                house.boot_until_it_rests()
            assert house.serves in ({OLD} if broken else {OLD, NEW})
            assert house.slots[house.booted] == house.serves
            told = house.records.outcome()
            if told is not None and told.id == "1" and told.what in ("confirmed", "fell back"):
                assert told.end == house.serves
            if house.serves == OLD:
                house.ask("install", name, number=2)
                house.ask("reboot", number=3)
                house.boot_until_it_rests()
            assert house.serves == (OLD if broken else NEW)
        assert after > 5
