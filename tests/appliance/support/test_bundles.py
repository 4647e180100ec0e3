"""The folder of bundles: whole files only, three of them, for their owner; room is asked for first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.support.bundles import SPARE, Bundles, is_name
from shell.support_ports import SupportRefusedError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "support"


def made(bundles: Bundles, content: bytes = b"x") -> str:
    name, file = bundles.begin(1000)
    with file:
        file.write(content)
    return bundles.finish(name).name


def test_a_bundle_is_for_its_owner_alone_and_has_its_name_when_it_is_whole(folder: Path) -> None:
    bundles = Bundles(folder)
    name, file = bundles.begin(1000)
    assert bundles.all() == []
    file.close()
    bundle = bundles.finish(name)
    assert [each.name for each in bundles.all()] == [bundle.name]
    assert (folder / name).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert is_name(name)


def test_three_are_kept_and_the_oldest_goes(folder: Path) -> None:
    now = [1_800_000_000.0]
    bundles = Bundles(folder, now=lambda: now[0])
    names = []
    for number in range(5):
        now[0] += 60
        names.append(made(bundles))
        os.utime(folder / names[-1], (now[0], now[0] + number))
    assert [each.name for each in bundles.all()] == names[:1:-1]
    assert len(list(folder.iterdir())) == 3


def test_two_of_one_second_have_names_of_their_own(folder: Path) -> None:
    bundles = Bundles(folder, now=lambda: 1_800_000_000.0)
    names = {made(bundles) for _ in range(3)}
    assert len(names) == 3
    assert all(map(is_name, names))


def test_what_a_killed_process_has_left_is_removed(folder: Path) -> None:
    Bundles(folder).begin(1000)[1].close()
    assert list(folder.glob("*.unfinished"))
    made(Bundles(folder))
    assert not list(folder.glob("*.unfinished"))


def test_without_room_nothing_is_begun(folder: Path) -> None:
    bundles = Bundles(folder, free=lambda _: SPARE + 999)
    with pytest.raises(SupportRefusedError, match="no room"):
        bundles.begin(1000)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "support").write_text("a file")
    with pytest.raises(SupportRefusedError, match="no bundle can be written"):
        Bundles(tmp_path / "support").begin(1)


@pytest.mark.parametrize(
    "name",
    ["", "../callisto.db", "support-20261122-000000.zip/..", "support-x.zip", "a\0b", "support-2.zip\n"],
)
def test_only_bundles_are_deleted(folder: Path, name: str) -> None:
    folder.mkdir()
    (folder.parent / "callisto.db").write_text("precious")
    with pytest.raises(SupportRefusedError, match="no bundle"):
        Bundles(folder).delete(name)
    assert (folder.parent / "callisto.db").exists()


def test_one_is_deleted(folder: Path) -> None:
    bundles = Bundles(folder)
    name = made(bundles)
    bundles.delete(name)
    assert bundles.all() == []
    with pytest.raises(SupportRefusedError):
        bundles.delete(name)
