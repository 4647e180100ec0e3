"""Updates of the image in a virtual machine: good ones, broken ones, refused ones, and a power that fails."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from firmware import gpt
from firmware.release import running
from tests.image import releases as made
from tests.image import stocked
from tests.image.admins import SLOW, login, outcome
from tests.image.conftest import Built
from tests.image.probes import Probes
from tests.image.releases import Releases
from tests.image.vm import LOOK_EVERY, Machine, edit_boot, machine
from tests.journeys.waiting import eventually

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]

SQUASHFS = b"hsqs"
ASKED = "Make a new backup"
"""At the login, after the store has moved."""
OUTAGE = 120.0
"""The mark is 2 seconds on a real machine; an emulated one takes most of this to load the program."""


def intact(one: Machine) -> None:
    with login(one) as admin:
        assert "Sales" in admin.command("show groups")


def version_of(one: Machine) -> str:
    with login(one) as admin:
        return str(admin.facts("show info")["product"]["version"])


def slots(one: Machine) -> tuple[str, str]:
    """What lies in A and B."""

    def content(name: str) -> str:
        with one.disk.open("rb") as disk:
            part = gpt.read(disk.read(gpt.FIRST_USABLE * gpt.SECTOR)).named(name)
            disk.seek(part.start)
            whole = hashlib.sha256()
            for _ in range(part.size >> 20):
                whole.update(disk.read(1 << 20))
        return whole.hexdigest()

    return content("rootfs-a"), content("rootfs-b")


def begins(one: Machine, name: str) -> bytes:
    with one.disk.open("rb") as disk:
        disk.seek(gpt.read(disk.read(gpt.FIRST_USABLE * gpt.SECTOR)).named(name).start)
        return disk.read(4)


def sound(one: Machine, folder: Path, *, migrated: bool = False) -> None:
    """The file system and the store of a machine that is off, as other programs see them."""
    with one.disk.open("rb") as disk:
        data = gpt.read(disk.read(gpt.FIRST_USABLE * gpt.SECTOR)).named("data")
    copy, found = folder / "data", folder / "found"
    argv = ["dd", f"if={one.disk}", f"of={copy}", "bs=1M", "conv=sparse", "iflag=skip_bytes,count_bytes"]
    subprocess.run([*argv, f"skip={data.start}", f"count={data.size}", "status=none"], check=True)
    replayed = subprocess.run(["e2fsck", "-fy", copy], capture_output=True, text=True, check=False)
    assert replayed.returncode in (0, 1), replayed.stdout + replayed.stderr
    found.mkdir()
    for name in ("callisto.db", "callisto.db-wal"):
        subprocess.run(["debugfs", "-R", f"dump /callisto/{name} {found / name}", copy], check=True)
    with closing(sqlite3.connect(found / "callisto.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert store.execute("SELECT name FROM groups").fetchall() == [("Sales",)]
        added = store.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (made.ADDED,)).fetchall()
        assert bool(added) == migrated


@pytest.fixture(scope="module")
def good(releases: Releases) -> Path:
    return releases.system("0.2.0")


@pytest.fixture(scope="module")
def refused(releases: Releases) -> dict[str, Path]:
    whole = releases.hollow("0.2.1")
    return {
        "tampered": made.tampered(whole),
        "truncated": made.truncated(whole),
        "foreign": releases.foreign("0.2.2"),
        "older": releases.hollow("0.0.9"),
        "other system": releases.hollow("0.2.3", "application", base="debian13-python3.13"),
    }


@pytest.fixture(scope="module")
def applications(releases: Releases) -> tuple[Path, Path]:
    """A good one, and one whose shell dies."""
    return releases.application("0.1.1"), releases.application("0.1.2", made.shell_dies)


@pytest.fixture(scope="module")
def in_use(image: Built, refused: dict[str, Path], applications: tuple[Path, Path]) -> Iterator[Machine]:
    """An office, and updates on its shelf. What is done to it leaves it as good as it was."""
    shelf = (*refused.values(), *applications)
    with machine(image.disk, prepare=partial(stocked.stock, updates=shelf)) as one:
        one.until_banner()
        yield one


@pytest.mark.parametrize(
    ("which", "because"),
    [
        ("tampered", "not what was signed"),
        ("truncated", "not all of one"),
        ("foreign", "not signed by whom it has to be"),
        ("older", "older than"),
        ("other system", "debian13"),
    ],
)
def test_what_nobody_may_install_is_refused_with_the_reason_and_touches_no_slot(
    in_use: Machine, refused: dict[str, Path], which: str, because: str
) -> None:
    with login(in_use) as admin:
        before = slots(in_use)
        said = admin.command(f"update install {refused[which].name} force")
        print(f"\n{which}: {said}")
        assert because in " ".join(said.split())
        assert slots(in_use) == before
    intact(in_use)


def test_an_application_update_runs_after_seconds_without_a_reboot(
    in_use: Machine, applications: tuple[Path, Path]
) -> None:
    started = in_use.starts()
    with Probes(in_use) as probes, login(in_use) as admin:
        eventually(lambda: probes.all_answered_since(0), within_s=SLOW)
        admin.type(f"update install {applications[0].name} force")
        print(f"\n{outcome(in_use, '0.1.1', 'confirmed')}")
        asked = time.monotonic()
        eventually(lambda: probes.all_answered_since(asked), within_s=SLOW)
    print(f"not served, emulated: {probes.outages()}")
    assert version_of(in_use) == "0.1.1"
    assert in_use.starts() == started
    assert max(probes.outages().values()) <= OUTAGE
    intact(in_use)


def test_an_application_that_does_not_answer_is_taken_back_by_itself(
    in_use: Machine, applications: tuple[Path, Path]
) -> None:
    before = version_of(in_use)
    with login(in_use) as admin:
        admin.type(f"update install {applications[1].name} force")
        found = outcome(in_use, "0.1.2", "fell back")
    assert "shell" in found["reason"]
    assert version_of(in_use) == before
    with login(in_use) as admin:
        print(f"\n{admin.told}")
        assert "0.1.2" in admin.told
        assert f"{before} runs again" in admin.told
    intact(in_use)


def test_a_system_update_starts_from_the_other_slot_and_finds_the_store(
    image: Built, good: Path, tmp_path: Path
) -> None:
    with machine(image.disk, prepare=partial(stocked.stock, updates=(good,))) as one:
        one.until_banner()
        _updated(one, good, "0.2.0")
        intact(one)
        one.power_cut()
        sound(one, tmp_path)


def test_a_system_update_with_uefi_migrates_the_store_and_asks_for_a_backup_until_there_is_one(
    image: Built, releases: Releases, tmp_path: Path
) -> None:
    newer = releases.system("0.2.4", made.migrates)
    with machine(image.disk, uefi=True, prepare=partial(stocked.stock, updates=(newer,))) as one:
        one.until_banner()
        with login(one) as admin:
            told = " ".join(admin.command(f"update show {newer.name}").split())
            print(f"\n{told}")
            assert "The store goes from schema" in told
        _updated(one, newer, "0.2.4")
        for _ in range(2):
            with login(one) as admin:
                assert ASKED in admin.told
        with login(one) as admin:
            print(f"\n{admin.told}\n{admin.command('backup plain')}")
        with login(one) as admin:
            assert ASKED not in admin.told
        intact(one)
        one.power_cut()
        sound(one, tmp_path, migrated=True)


def _updated(one: Machine, newer: Path, version: str) -> None:
    """To what is on its shelf, confirmed by its own health check."""
    with login(one) as admin:
        said = admin.command(f"update install {newer.name} force")
        assert f"{version} is installed" in said
        assert one.starts() == "A"
        admin.type("update reboot force")
    one.until_started("AB")
    found = outcome(one, version, "confirmed")
    assert (found["ok"], found["start"]) == (True, running().version)
    with login(one) as admin:
        print(f"\n{admin.told}")
        assert version in admin.told
        admin.command("update seen")
    with login(one) as admin:
        assert "Update from" not in admin.told
    assert version_of(one) == version
    menu = one.boot_menu()
    assert (menu["ORDER"].split()[0], menu["B_OK"], menu["B_TRY"]) == ("B", "1", "0")


@pytest.mark.parametrize(
    ("change", "starts"),
    [
        pytest.param(made.shell_dies, "ABBA", id="a service dies"),
        pytest.param(made.nothing_to_start_from, "ABBA", id="the kernel gives up"),
        pytest.param(made.kernel_is_none, "ABA", id="there is no kernel"),
    ],
)
def test_a_system_that_does_not_come_up_falls_back_and_says_so_at_the_login(
    image: Built, releases: Releases, change: made.Change, starts: str, tmp_path: Path
) -> None:
    broken = releases.system("0.3.0", change)
    with machine(image.disk, prepare=partial(stocked.stock, updates=(broken,))) as one:
        told = _fallen_back(one, broken, starts)
        assert "0.3.0" in told
        if change is made.shell_dies:
            assert "shell" in told
        one.power_cut()
        sound(one, tmp_path)


def test_a_system_with_uefi_that_migrated_the_store_falls_back_to_the_store_from_before(
    image: Built, releases: Releases, tmp_path: Path
) -> None:
    broken = releases.system("0.3.1", made.migrates, made.shell_dies)
    with machine(image.disk, uefi=True, prepare=partial(stocked.stock, updates=(broken,))) as one:
        told = _fallen_back(one, broken, "ABBA")
        assert f"the store has the schema {made.newest_schema(releases.tree)} again" in told
        one.power_cut()
        sound(one, tmp_path)


def _fallen_back(one: Machine, broken: Path, starts: str) -> str:
    """What an administrator is told when the one before runs again. `starts`: the slots until then."""
    one.until_banner()
    with login(one) as admin:
        assert "is installed" in admin.command(f"update install {broken.name} force")
        admin.type("update reboot force")
    one.until_started(starts, within=2 * SLOW)
    with login(one) as admin:
        told = admin.told
        print(f"\n{told}")
        assert f"{running().version} runs again" in told
    assert version_of(one) == running().version
    intact(one)
    return told


def test_a_machine_whose_power_fails_at_any_point_of_an_update_starts_and_says_what_happened(
    image: Built, good: Path, tmp_path: Path
) -> None:
    with machine(image.disk, prepare=partial(stocked.stock, updates=(good,))) as one:
        one.until_banner()

        with login(one) as admin:
            admin.type(f"update install {good.name} force")
            admin.read_to("copies it")
            one.power_cut()
        one.power_on()
        one.until_started("AA")
        _says_that_it_was_cut(one)

        with login(one) as admin:
            admin.type(f"update install {good.name} force")
            until_written(one)
            one.power_cut()
        one.power_on()
        one.until_started("AAA")
        _says_that_it_was_cut(one)

        with login(one) as admin:
            assert "is installed" in admin.command(f"update install {good.name} force")
            admin.type("update reboot force")
        one.until_started("AAAB")
        one.power_cut()
        one.power_on()
        one.until_started("AAABB")
        assert outcome(one, "0.2.0", "confirmed")["ok"]
        intact(one)

        one.power_cut()
        edit_boot(one.disk, tmp_path, "grubenv", lambda _content: b"")
        one.power_on()
        one.until_started("AAABBA")
        one.until_banner()
        intact(one)
        assert re.search("boot menu|grubenv", one.console())
        one.power_cut()
        sound(one, tmp_path)


def _says_that_it_was_cut(one: Machine) -> None:
    one.until_banner()
    with login(one) as admin:
        print(f"\n{admin.told}")
        assert "switched off while it was being installed" in admin.told
        admin.command("update seen")
    assert version_of(one) == running().version
    intact(one)


def until_written(one: Machine) -> None:
    """The first bytes of the update are in the other slot."""
    eventually(lambda: begins(one, "rootfs-b") == SQUASHFS, within_s=SLOW, every_s=LOOK_EVERY)
