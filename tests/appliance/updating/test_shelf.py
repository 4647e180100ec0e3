"""The bundles on this machine: what is listed as ready is the file that was verified."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.updating import shelf as shelves
from appliance.updating.shelf import VERIFIED, Shelf
from tests.firmware import signing
from tests.firmware.signing import Keys
from tests.firmware.update.bundles import made, payload

NAME = "new.app.raucb"
CONTENT = payload(40)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return signing.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "updates"


@pytest.fixture
def shelf(folder: Path, keys: Keys, tmp_path: Path) -> Shelf:
    """One good update is on it."""
    found = Shelf(folder, keys.ca)
    found.take(made(tmp_path / NAME, keys, CONTENT), lambda doing, percent: None)
    return found


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which were verified wholly."""
    names: list[str] = []
    real = shelves.check

    def check(bundle, tell=None) -> None:  # type: ignore[no-untyped-def]
        names.append(bundle.path.name)
        real(bundle, *([tell] if tell else []))

    monkeypatch.setattr(shelves, "check", check)
    return names


def tamper(path: Path) -> None:
    """One byte, and the time of the file as it was: only the kernel's own note of the change is another."""
    was = path.stat()
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1
    with path.open("r+b") as file:
        file.write(raw)
    while path.stat().st_ctime_ns == was.st_ctime_ns:  # its clock ticks a few hundred times a second
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def ready(shelf: Shelf) -> list[tuple[str, bool, str]]:
    return [(one.name, one.sheet is not None, one.problem) for one in shelf.listed()]


def test_what_was_verified_is_not_verified_again(
    shelf: Shelf, folder: Path, keys: Keys, checks: list[str]
) -> None:
    assert ready(shelf) == [(NAME, True, "")]
    assert ready(Shelf(folder, keys.ca)) == [(NAME, True, "")]
    assert checks == []


def test_one_that_was_changed_afterwards_is_not_ready_any_more(
    shelf: Shelf, folder: Path, keys: Keys
) -> None:
    assert ready(shelf) == [(NAME, True, "")]
    tamper(folder / NAME)
    for looking in (shelf, Shelf(folder, keys.ca)):
        [(_, is_ready, problem)] = ready(looking)
        assert not is_ready
        assert "not what was signed" in problem
        found = looking.get(NAME)
        assert found is not None
        assert found.sheet is None


def test_one_that_was_laid_there_is_verified_wholly_and_once(
    folder: Path, keys: Keys, checks: list[str]
) -> None:
    folder.mkdir()
    made(folder / "good.raucb", keys, CONTENT)
    tamper(made(folder / "bad.raucb", keys, CONTENT))
    shelf = Shelf(folder, keys.ca)
    for _ in range(2):
        assert [(name, is_ready) for name, is_ready, _ in ready(shelf)] == [
            ("bad.raucb", False),
            ("good.raucb", True),
        ]
    assert checks == ["bad.raucb", "good.raucb"]
    # What is no good is looked at again by the next one.
    assert len(ready(Shelf(folder, keys.ca))) == 2
    assert checks == ["bad.raucb", "good.raucb", "bad.raucb"]


@pytest.mark.parametrize("kept", [b"", b"[]", b'{"new.app.raucb": 5}', b'{"new.app.raucb": ["x"]}', b"\xff{"])
def test_a_damaged_note_of_it_only_costs_time(
    shelf: Shelf, folder: Path, keys: Keys, checks: list[str], kept: bytes
) -> None:
    (folder / VERIFIED).write_bytes(kept)
    assert ready(Shelf(folder, keys.ca)) == [(NAME, True, "")]
    assert checks == [NAME]
    assert ready(Shelf(folder, keys.ca)) == [(NAME, True, "")]
    assert checks == [NAME]


def test_what_was_deleted_is_forgotten(shelf: Shelf, folder: Path, keys: Keys, tmp_path: Path) -> None:
    shelf.delete(NAME)
    shelf.take(made(tmp_path / "next.raucb", keys, CONTENT), lambda doing, percent: None)
    kept = (folder / VERIFIED).read_text()
    assert "next.raucb" in kept
    assert NAME not in kept
