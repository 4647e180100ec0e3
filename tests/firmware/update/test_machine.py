"""What runs on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware.update import machine
from firmware.update.judging import Running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("proc", "usr/lib", "data/system/update"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "proc/cmdline").write_text("BOOT_IMAGE=x root=PARTUUID=1 quiet rauc.slot=B\n")
    (tmp_path / "usr/lib/os-release").write_text(
        'ID=debian\nVARIANT_ID=cloud\nIMAGE_VERSION=1.4.0\nCALLISTO_BASE="debian12-python3.11"\n'
    )
    return tmp_path


def test_a_machine_that_was_made_from_an_image(root: Path) -> None:
    found = machine.here("0005", root, "1.4.1")
    assert found == Running("1.4.1", "0005", "debian12-python3.11", "B", kernel="cloud")


def test_a_checkout_is_no_image(tmp_path: Path) -> None:
    found = machine.here("0005", tmp_path)
    assert (found.slot, found.base, found.application) == ("", "", "")
    assert found.version


@pytest.mark.parametrize("line", ["", "rauc.slot=C", "xrauc.slot=A", "rauc.slot=AB"])
def test_another_boot_menu_is_none_of_ours(root: Path, line: str) -> None:
    (root / "proc/cmdline").write_text(line)
    assert machine.booted(root) == ""


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"current": {"file": "a.raucb", "version": "1.4.0"}, "previous": None, "trial": False}, "a.raucb"),
        ({"current": {"file": "a.raucb", "system": "1.4.0"}}, "a.raucb"),
        ({"current": {"file": "a.raucb", "system": "1.3.0"}}, ""),
        ({"current": None, "previous": None, "trial": False}, ""),
        ({"current": {"file": 7}}, ""),
        ([], ""),
        ("x", ""),
    ],
)
def test_the_application_that_runs(root: Path, said: object, name: str) -> None:
    (root / "data/system/update/application.json").write_text(json.dumps(said))
    assert machine.here("0005", root).application == name


def test_a_torn_file_is_as_none(root: Path) -> None:
    (root / "data/system/update/application.json").write_text('{"current": {"fi')
    assert machine.application(root) == ""
