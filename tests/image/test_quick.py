"""The root file system itself, started in namespaces: seconds instead of the minutes of a virtual machine.

It is not collected where no root file system has been built; the report's header says which it is.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests import needs
from tests.image.conftest import CHECKOUT

SCRIPT = Path(__file__).with_name("quick.sh")
ALONE = ("unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child")


def permitted() -> None:
    done = subprocess.run([*ALONE, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        needs.missing(f"namespaces are not permitted here: {done.stderr.strip()}")


def test_the_appliance_starts_from_a_read_only_root_and_answers(tree: Path, tmp_path: Path) -> None:
    permitted()
    done = subprocess.run(
        [*ALONE, "sh", SCRIPT, tree, tmp_path], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    assert "Callisto" in done.stdout
    assert "Username" in done.stdout
    assert "web True" in done.stdout


def test_the_root_tells_nothing_of_the_machine_that_built_it(tree: Path) -> None:
    assert not (tree / "etc/apt").exists()
    assert (tree / "etc/machine-id").read_bytes() == b""
    assert not any(entry.name.startswith("pip") for entry in (tree / "opt/callisto/venv/bin").iterdir())
    found = subprocess.run(
        ["grep", "-rlF", "--", str(CHECKOUT), tree / "etc", tree / "opt"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_only_the_appliance_has_started_anything(tree: Path) -> None:
    wanted = {one.name for one in (tree / "etc/systemd/system").rglob("*.wants/*")}
    assert {"callisto-supervisor.service", "systemd-networkd.service", "systemd-timesyncd.service"} <= wanted
    assert not wanted & {"apt-daily.timer", "e2scrub_all.timer", "getty@tty1.service", "cron.service"}
