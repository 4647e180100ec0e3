"""Time zone and synchronisation over a restart, although /etc forgets them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CLOCK = Path(__file__).parents[3] / "firmware/image/overlay/usr/lib/callisto/clock"
SERVICE = "etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service"


class Root:
    """A root file system, with a systemctl that notes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("data/system", "etc", SERVICE.rpartition("/")[0], "usr/share/zoneinfo/Europe", "bin"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for zone in ("Europe/Zurich", "UTC"):
            (folder / "usr/share/zoneinfo" / zone).write_text("TZif2")
        (folder / "bin/systemctl").write_text(f'#!/bin/sh\necho "$*" >> {folder}/asked\n')
        (folder / "bin/systemctl").chmod(0o755)
        self.start()

    def start(self) -> None:
        """What the slot says of /etc is so again."""
        self.zone("UTC")
        self.sync(True)

    def zone(self, name: str) -> None:
        link = self.folder / "etc/localtime"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../usr/share/zoneinfo/{name}")

    def sync(self, on: bool) -> None:
        link = self.folder / SERVICE
        link.unlink(missing_ok=True)
        if on:
            link.symlink_to("/lib/systemd/system/systemd-timesyncd.service")

    def clock(self, *arguments: str) -> int:
        env = {"ROOT": str(self.folder), "PATH": f"{self.folder}/bin:/usr/bin:/bin"}
        return subprocess.run(("/bin/sh", str(CLOCK), *arguments), env=env, check=False).returncode

    @property
    def asked(self) -> list[str]:
        file = self.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


def test_what_was_set_is_there_again_after_a_restart(root: Root) -> None:
    root.zone("Europe/Zurich")
    root.sync(False)
    assert root.clock("keep") == 0
    root.start()
    assert root.clock("restore") == 0
    assert (root.folder / "etc/localtime").readlink() == Path("/usr/share/zoneinfo/Europe/Zurich")
    assert root.asked == [
        "--no-reload disable systemd-timesyncd.service",
        "--no-block stop systemd-timesyncd.service",
    ]


def test_what_is_kept_already_is_not_written_again(root: Root) -> None:
    assert root.clock("keep") == 0
    kept = root.folder / "data/system/clock"
    before = kept.stat().st_ino
    assert root.clock("keep") == 0
    assert kept.stat().st_ino == before
    root.zone("Europe/Zurich")
    assert root.clock("keep") == 0
    assert kept.read_text() == "Europe/Zurich\nyes\n"


def test_a_new_machine_starts_as_its_slot_says(root: Root) -> None:
    assert root.clock("restore") == 0
    assert root.asked == []


def test_synchronisation_that_was_on_is_left_alone(root: Root) -> None:
    root.zone("Europe/Zurich")
    assert root.clock("keep") == 0
    assert root.clock("restore") == 0
    assert root.asked == []


@pytest.mark.parametrize("kept", ["", "Europe/Zurich", "Mars/Olympus\nyes\n", "../../etc\nyes\n"])
def test_a_note_that_is_torn_or_of_no_zone_stops_no_start(root: Root, kept: str) -> None:
    (root.folder / "data/system/clock").write_text(kept)
    assert root.clock("restore") == 0
    assert (root.folder / "etc/localtime").readlink() == Path("../usr/share/zoneinfo/UTC")


def test_anything_else_is_wrong_usage(root: Root) -> None:
    assert root.clock() == root.clock("set") == 2
