"""The root file system of an image, started by its own systemd in a container: as fast as a real machine.

It has no disk of its own: /data is a folder. What would need the device mapper, which many machines do not
give to a container, is replaced: the application in a bundle is mounted through a loop device instead of
dm-verity (its blocks have been checked before that). Its network is its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import needs
from tests.image import stocked
from tests.image.conftest import CHECKOUT
from tests.journeys.waiting import eventually

WITHIN = 60.0
ENDS_WITHIN = 30.0
LOOPS = 2
"""The application that runs, and the one before it."""
VERITYSETUP = Path(__file__).with_name("veritysetup.sh")
UNITS = "/usr/lib/systemd/system"
NO_DISK = {
    # There is nothing to mount, and no file system to grow.
    "etc/fstab": "",
    "usr/share/callisto/cmdline": "ro quiet rauc.slot=A\n",
    f"{UNITS[1:]}/proc-cmdline.mount": """\
[Unit]
DefaultDependencies=no
Before=local-fs.target sysinit.target

[Mount]
What=/usr/share/callisto/cmdline
Where=/proc/cmdline
Options=bind
""",
    f"{UNITS[1:]}/appliance-data.service.d/50-container.conf": """\
[Service]
ExecStart=
ExecStart=systemd-tmpfiles --create --prefix=/data --prefix=/run callisto.conf
""",
}
"""Files of the container alone."""


@dataclass(frozen=True, slots=True)
class Container:
    """`leader`: the number that its first process has here. `data`: its /data. `took_s`: until its services
    answered."""

    leader: int
    data: Path
    took_s: float

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return self._entered(("-m", "-p", "-i", "-u", "-C", "-n"), argv)

    def asked(self, what: str, file: str = "") -> dict[str, Any]:
        """Have root do what the supervisor would ask for (`install`, `back`), while Telnet, web and SIP are
        asked all the time: `outages`, seconds without an answer of each, and `outcome`."""
        request = {"format": 1, "id": uuid.uuid4().hex, "do": what, "file": file, "who": "somebody"}
        path = self.data / "callisto/updates/request.json"
        path.write_text(json.dumps(request | {"downgrade": False}))
        os.chown(path, stocked.OWNER, stocked.OWNER)
        python = (sys.executable, "-P", "-m", "tests.image.asked", str(self.leader))
        done = self._entered(("-n",), python)
        assert done.returncode == 0, done.stdout + done.stderr
        outcome = json.loads((self.data / "system/update/outcome.json").read_text())
        assert outcome["id"] == request["id"], outcome
        return {"outages": json.loads(done.stdout), "outcome": outcome}

    def _entered(self, spaces: tuple[str, ...], argv: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ("nsenter", "-t", str(self.leader), *spaces, "--", *argv),
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            cwd=CHECKOUT if spaces == ("-n",) else "/",
            capture_output=True,
            text=True,
            timeout=3 * WITHIN,
            check=False,
        )


@contextlib.contextmanager
def container(tree: Path, prepare: Callable[[Path], None]) -> Iterator[Container]:
    """`prepare` fills the folder that is its /data. Started from `tree`, in which nothing is changed."""
    nspawn = needs.program("systemd-nspawn", "systemd-container")
    if os.geteuid() != 0:
        needs.missing("only root may start a container")
    loops = _free_loops()
    with tempfile.TemporaryDirectory(prefix="callisto-container-") as name, contextlib.ExitStack() as undo:
        folder = Path(name)
        data = folder / "data"
        data.mkdir()
        prepare(data)
        argv = [
            *(nspawn, "--quiet", f"--directory={tree}", "--volatile=overlay", "--boot", "--console=pipe"),
            *("--register=no", "--keep-unit", "--private-network", f"--machine=callisto-{os.getpid()}"),
            *(f"--bind={data}:/data", f"--bind-ro={VERITYSETUP}:/usr/sbin/veritysetup"),
            *(f"--bind={here}:/dev/loop-{number}" for number, here in enumerate(loops)),
            *(f"--bind-ro={here}:/{there}" for here, there in _files(folder / "files")),
            *("systemd.mask=appliance-boot-menu.service", "systemd.wants=proc-cmdline.mount"),
        ]
        began = time.monotonic()
        said = undo.enter_context((folder / "said").open("wb"))
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        undo.callback(_detach, loops)
        undo.callback(_end, process)
        leader = eventually(lambda: _child(process, folder / "said"), within_s=WITHIN)
        assert leader is not None
        one = Container(leader, data, 0.0)
        eventually(lambda: "answers" in _health(one), within_s=WITHIN, every_s=0.2)
        yield Container(leader, data, time.monotonic() - began)


def _health(one: Container) -> str:
    return one.run("journalctl", "--no-pager", "--quiet", "--unit=callisto-health").stdout


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    for number, (there, content) in enumerate(NO_DISK.items()):
        folder.mkdir(exist_ok=True)
        here = folder / str(number)
        here.write_text(content)
        yield here, there


def _child(process: subprocess.Popen[bytes], said: Path) -> int | None:
    assert process.poll() is None, f"the container has ended: {said.read_text(errors='replace')[-300:]}"
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(found[0]) if found else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """It halts when it is asked once, and is ended when it does not."""
    process.terminate()
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_loops() -> list[Path]:
    found = sorted(Path("/dev").glob("loop[0-9]*"), reverse=True)
    free = [one for one in found if one.is_block_device() and not _attached(one)][:LOOPS]
    if len(free) < LOOPS:
        needs.missing(f"{LOOPS} free loop devices are needed to mount an application")
    return free


def _attached(loop: Path) -> bool:
    return Path(f"/sys/block/{loop.name}/loop").exists()


def _detach(loops: list[Path]) -> None:
    for one in loops:
        if _attached(one):
            subprocess.run(("losetup", "--detach", str(one)), check=False, capture_output=True)
