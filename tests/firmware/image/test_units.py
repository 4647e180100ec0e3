"""The units of the image, as systemd itself judges them."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
from pathlib import Path

import pytest

from appliance.__main__ import SERVICES
from appliance.services.ports import Unit
from tests import needs

UNITS = Path(__file__).parents[3] / "firmware/image/overlay/usr/lib/systemd/system"
OURS = sorted(UNITS.glob("callisto-*.service"))
MOST_EXPOSED = "20"
"""Tenths of systemd's exposure level: 0 is none, 100 all."""


AS_ROOT = {
    # These mount for others, so nothing that makes a mount namespace is for them.
    "appliance-update": "47",
    "appliance-application": "38",
    "appliance-ill": "21",
    "appliance-settings": "20",
    "appliance-data": "19",
    "appliance-etc": "13",
    "appliance-boot-menu": "11",
    "appliance-clock": "9",
    "appliance-good": "9",
}
"""The same for what is root."""


@pytest.mark.parametrize("unit", OURS, ids=lambda unit: str(unit.stem))
def test_no_service_is_exposed_more_than_2_0(unit: Path) -> None:
    not_exposed_more(unit, MOST_EXPOSED)


def test_what_is_root_has_its_own_limit() -> None:
    assert {unit.stem for unit in UNITS.glob("appliance-*.service")} == set(AS_ROOT)


@pytest.mark.parametrize("name", AS_ROOT)
def test_what_is_root_is_exposed_no_more_than_its_work_needs(name: str) -> None:
    not_exposed_more(UNITS / f"{name}.service", AS_ROOT[name])


MAKE_A_MOUNT_NAMESPACE = re.compile(
    r"^(Protect(System|Home|Kernel\w+|ControlGroups|Proc)|Private(Tmp|Devices|Mounts|Users|IPC)|"
    r"(ReadWrite|ReadOnly|Inaccessible|Exec|NoExec)Paths|Bind\w*Paths|TemporaryFileSystem|ProcSubset|"
    r"MountFlags|Root\w+|DynamicUser|\w+Directory)$"
)


@pytest.mark.parametrize("name", ["update", "application"])
def test_what_mounts_for_the_services_mounts_where_they_see_it(name: str) -> None:
    said = sections(UNITS / f"appliance-{name}.service")["Service"]
    assert not [key for key in said if MAKE_A_MOUNT_NAMESPACE.match(key)]


def not_exposed_more(unit: Path, most: str) -> None:
    program = needs.program("systemd-analyze")
    found = subprocess.run(
        (
            program,
            "security",
            "--offline=true",
            f"--threshold={most}",
            "--no-pager",
            f"./{unit.name}",
        ),
        cwd=UNITS,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Overall exposure level" in found.stdout


def test_systemd_finds_nothing_wrong_with_the_units() -> None:
    program = needs.program("systemd-analyze")
    files = [f"./{file.name}" for file in UNITS.iterdir() if file.is_file()]
    found = subprocess.run(
        (program, "verify", "--man=no", *files),
        cwd=UNITS,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    # The programs are in the image, and not here.
    wrong = [line for line in found.stderr.splitlines() if "is not executable" not in line]
    assert not wrong


def sections(unit: Path) -> configparser.RawConfigParser:
    read = configparser.RawConfigParser(strict=False)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(unit)
    return read


@pytest.mark.parametrize("unit", ["supervisor", *Unit])
def test_each_service_has_a_watchdog_a_limit_of_memory_and_its_role(unit: str) -> None:
    service = sections(UNITS / f"callisto-{unit}.service")["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert int(service["WatchdogSec"]) <= 60
    assert service["MemoryMax"].endswith("M")
    role = service["ExecStart"].split()[-1]
    assert role == ("run" if unit == "supervisor" else unit)
    assert role == "run" or role in SERVICES


def test_a_port_below_1024_is_all_that_anybody_may_more_than_others() -> None:
    for unit in OURS:
        bounds = sections(unit)["Service"]["CapabilityBoundingSet"]
        assert bounds == ("CAP_NET_BIND_SERVICE" if unit.stem[9:] in ("shell", "web") else ""), unit


def test_a_drop_in_for_all_takes_back_nothing_that_a_unit_says() -> None:
    """Drop-ins come after the unit, so what both set would be the drop-in's."""
    common = set(sections(UNITS / "callisto-.service.d/50-sandbox.conf")["Service"])
    lists = {"Environment", "ReadWritePaths", "SystemCallFilter", "RestrictAddressFamilies"}
    for unit in OURS:
        assert not common & set(sections(unit)["Service"]) - lists, unit


def test_the_supervisor_may_steer_exactly_the_other_services() -> None:
    rules = (UNITS.parents[3] / "usr/share/polkit-1/rules.d/50-callisto.rules").read_text()
    for unit in Unit:
        assert f'"callisto-{unit}.service"' in rules
    assert rules.count('"callisto-') == len(Unit)


def test_only_supervisor_reaches_the_bus() -> None:
    for unit in OURS:
        hidden = sections(unit)["Service"].get("InaccessiblePaths", "")
        assert (hidden == "") if unit.stem == "callisto-supervisor" else ("/run/dbus" in hidden), unit
