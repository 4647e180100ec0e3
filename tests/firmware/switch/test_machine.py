"""The real machine, with a systemctl that writes down what it is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.switch import machine
from firmware.switch.machine import UNITS, RealMachine
from firmware.switch.places import Places
from firmware.switch.ports import SwitchError

Told = Callable[[], list[str]]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """What systemctl was told, a line each. It cannot start the unit that `broken` names."""
    lines, folder = tmp_path / "told", tmp_path / "bin"
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{lines}"\n[ "$*" != "restart $broken" ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return lambda: lines.read_text().splitlines()


def test_services_that_start_apart_do_so_one_after_the_other(told: Told, tmp_path: Path) -> None:
    RealMachine(Places(tmp_path)).restart(apart=True)
    assert told() == [f"reset-failed {' '.join(UNITS)}", *(f"restart {unit}" for unit in UNITS)]


def test_the_rest_of_the_services_does_not_wait_for_one_that_does_not_start(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("broken", UNITS[1])
    RealMachine(Places(tmp_path)).restart(apart=True)
    one_by_one = (f"restart {unit}" for unit in UNITS[:2])
    assert told()[1:] == [*one_by_one, f"restart --no-block {' '.join(UNITS[2:])}"]


def test_services_that_must_not_run_beside_a_migration_start_together(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("broken", " ".join(UNITS))
    RealMachine(Places(tmp_path)).restart(apart=False)
    assert told() == [f"reset-failed {' '.join(UNITS)}", f"restart {' '.join(UNITS)}"]


def test_a_refused_rehearsal_says_why_and_files_that_cannot_be_read_are_no_trouble(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin/setpriv").write_text(f'#!/bin/sh\necho "$*" >> "{tmp_path}/told"\nexit $refuses\n')
    (tmp_path / "bin/setpriv").chmod(0o755)
    program = tmp_path / "program"
    program.mkdir()
    (program / "gone.so").symlink_to(tmp_path / "nowhere")
    (program / "module.pyc").write_bytes(b"code")
    (program / "folder.so").mkdir()
    real = RealMachine(Places(tmp_path))
    monkeypatch.setattr(RealMachine, "_environment", lambda _self: {"PATH": os.environ["PATH"], **refuses})
    refuses = {"refuses": "0"}
    assert real.rehearse(program) == ""
    refuses = {"refuses": "3"}
    assert real.rehearse(program) == "its program ended with 3"
    assert all(line.endswith("appliance rehearse-update") for line in told())


def _rauc(folder: Path, *, refuses: int, saying: str) -> Path:
    """One that refuses so many times before it does as it is told; the file that counts what it was told."""
    told, program = folder / "marked", folder / "bin/rauc"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> "{told}"\n[ "$(wc -l < "{told}")" -gt {refuses} ] && exit 0\n'
        f'echo "rauc: {saying}" >&2\nexit 1\n'
    )
    program.chmod(0o755)
    return told


@pytest.mark.usefixtures("told")
def test_a_slot_is_marked_when_rauc_has_done_what_keeps_it_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "AGAIN", 0.01)
    busy = 'error calling D-Bus method "GetSlotStatus": already processing a different method'
    marked = _rauc(tmp_path, refuses=3, saying=busy)
    RealMachine(Places(tmp_path)).mark_good()
    assert marked.read_text().splitlines() == ["status mark-good"] * 4


@pytest.mark.usefixtures("told")
def test_what_rauc_refuses_for_another_reason_is_said_at_once(tmp_path: Path) -> None:
    marked = _rauc(tmp_path, refuses=9, saying="no such slot")
    with pytest.raises(SwitchError, match="no such slot"):
        RealMachine(Places(tmp_path)).mark_good()
    assert len(marked.read_text().splitlines()) == 1


def test_services_start_after_those_that_their_units_wait_for() -> None:
    folder = Path(__file__).parents[3] / "firmware/image/overlay/usr/lib/systemd/system"
    for place, unit in enumerate(UNITS):
        after = {
            word
            for line in (folder / unit).read_text().splitlines()
            if line.startswith("After=")
            for word in line.removeprefix("After=").split()
        }
        assert not after & set(UNITS[place:]), unit
