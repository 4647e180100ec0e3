"""The real machine: dm-verity, RAUC, systemd, by their programs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from firmware.switch.places import Places
from firmware.switch.ports import SwitchError
from firmware.switch.records import Slot
from firmware.update.bundle import Bundle
from firmware.update.verity import BLOCK

UNITS = tuple(f"callisto-{name}.service" for name in ("supervisor", "media", "router", "shell", "web"))
"""In the order in which each finds what it needs: none of them waits for one that comes later."""
MIGRATIONS = "venv/lib/python3.*/site-packages/db/migrations/versions/v[0-9][0-9][0-9][0-9]_*.py"
USER = "callisto"
QUICK, LONG = 60.0, 900.0
"""Seconds: what a program may take that opens something, and one that writes a slot or migrates a store."""
BUSY = "already processing a different method"
"""What RAUC 1.8 says then."""
AGAIN = 0.5
READ = 1 << 20
STARTED_FROM = (".pyc", ".so")
_PERCENT = re.compile(r"^\s*(\d{1,3})%")
_NAME = "callisto-{}"


class RealMachine:
    """`places`: of this machine."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def open_program(self, bundle: Bundle) -> Path:
        name = bundle.verity.root.hex()[:16]
        folder = self._places.mounts / name
        if folder.is_mount():
            return folder
        mapped = Path("/dev/mapper") / _NAME.format(name)
        if not mapped.exists():
            _run(
                "veritysetup", "open", bundle.path, mapped.name, bundle.path, bundle.verity.root.hex(),
                "--no-superblock", "--hash=sha256", f"--salt={bundle.verity.salt.hex()}",
                f"--data-block-size={BLOCK}", f"--hash-block-size={BLOCK}",
                f"--data-blocks={bundle.payload // BLOCK}", f"--hash-offset={bundle.payload}",
            )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _run("mount", "-t", "squashfs", "-o", "ro,nodev,nosuid", mapped, folder)
        except SwitchError:
            with suppress(SwitchError):
                _run("veritysetup", "close", mapped.name)
            raise
        return folder

    def close_others(self, *kept: Path) -> None:
        with suppress(OSError):
            for folder in sorted(self._places.mounts.iterdir()):
                if folder not in kept:
                    with suppress(SwitchError, OSError):
                        if folder.is_mount():
                            _run("umount", folder)
                        _run("veritysetup", "close", _NAME.format(folder.name))
                        folder.rmdir()

    def point(self, program: Path) -> None:
        link = self._places.program
        link.parent.mkdir(parents=True, exist_ok=True)
        beside = link.with_name("program.new")
        beside.unlink(missing_ok=True)
        beside.symlink_to(program)
        beside.replace(link)

    def schema(self, program: Path) -> str:
        return max((found.stem[1:5] for found in program.glob(MIGRATIONS)), default="")

    def restart(self, *, apart: bool) -> None:
        _run("systemctl", "reset-failed", *UNITS)
        steps = [(one,) for one in UNITS] if apart else [UNITS]
        with suppress(SwitchError):
            while steps:
                try:
                    _run("systemctl", "restart", *steps.pop(0), within=LONG)
                except SwitchError:
                    # Those who ask whether it answers find it. The rest does not wait for it.
                    rest = [one for units in steps for one in units]
                    if rest:
                        _run("systemctl", "restart", "--no-block", *rest)
                    return

    def troubles(self, version: str, within: float) -> tuple[str, ...]:
        asked = ("health", "--within", f"{within:g}", *(("--expect", version) if version else ()))
        argv = (*_program(self._places.built_in), *asked)
        done = _tried(argv, within=within + QUICK, env=self._environment())
        if done.returncode == 0:
            return ()
        lines = (line.split(None, 1) for line in done.stdout.splitlines())
        told = tuple(f"{line[0]}: {line[1]}" for line in lines if len(line) == 2 and line[1] != "answers")
        return told or (_last(done.stderr) or f"the question for it ended with {done.returncode}",)

    def rehearse(self, program: Path) -> str:
        trouble = self._rehearsed(_as_user((*_program(program), "rehearse-update")))
        if not trouble:
            _remembered(program)
        return trouble

    def write_slot(self, bundle: Path, tell: Callable[[int], None]) -> None:
        with subprocess.Popen(
            ("rauc", "install", str(bundle)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                if found := _PERCENT.match(line):
                    tell(int(found[1]))
                elif line.strip():
                    said = line.strip()
            process.wait()
        if process.returncode:
            raise SwitchError(f"the other slot could not be written: {said or 'rauc did not say why'}")

    def read_back(self, slot: Slot, size: int, sha256: str) -> None:
        found = hashlib.sha256()
        try:
            handle = os.open(self._places.slot_device(slot), os.O_RDONLY)
            try:
                # From the medium, and not from what the kernel remembers of the writing.
                os.fsync(handle)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                left = size
                while left:
                    part = os.read(handle, min(READ, left))
                    if not part:
                        raise SwitchError(f"slot {slot} is smaller than what was written to it")
                    found.update(part)
                    left -= len(part)
            finally:
                os.close(handle)
        except OSError as exc:
            raise SwitchError(f"slot {slot} cannot be read: {exc.strerror}") from exc
        if found.hexdigest() != sha256:
            raise SwitchError(f"slot {slot} reads back differently: its medium is faulty")

    def rehearse_slot(self, slot: Slot) -> str:
        root = self._places.mounts.parent / "slot"
        root.mkdir(parents=True, exist_ok=True)
        program = _program(Path("/opt/callisto"))
        inside = ("chroot", str(root), *_as_user((*program, "rehearse-update")))
        argv = (
            "unshare",
            "--mount",
            "/usr/lib/callisto/in-slot",
            str(self._places.slot_device(slot)),
            str(root),
        )
        return self._rehearsed((*argv, *inside))

    def mark_good(self) -> None:
        _marked("mark-good")

    def prefer(self, slot: Slot) -> None:
        _marked("mark-active", _slot(slot))

    def give_up(self, slot: Slot) -> None:
        _marked("mark-active", "booted")
        _marked("mark-bad", _slot(slot))

    def reboot(self) -> None:
        _run("systemctl", "reboot", "--no-block")

    def _rehearsed(self, argv: tuple[str, ...]) -> str:
        done = _tried(argv, within=LONG, env=self._environment())
        if done.returncode == 0:
            return ""
        return _reason(done.stdout) or _last(done.stderr) or f"its program ended with {done.returncode}"

    def _environment(self) -> dict[str, str]:
        state = str(self._places.state)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "CALLISTO_STATE": state,
            "CALLISTO_CONFIG": f"{state}/callisto.toml",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _slot(slot: Slot) -> str:
    """As RAUC names it (`system.conf`)."""
    return f"rootfs.{'AB'.index(slot)}"


def _program(folder: Path) -> tuple[str, ...]:
    return (str(folder / "venv/bin/python"), "-P", "-m", "appliance")


def _as_user(argv: tuple[str, ...]) -> tuple[str, ...]:
    """What a bundle brings does not run as root before it has been tried."""
    return ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--no-new-privs", *argv)


def _remembered(program: Path) -> None:
    """Read what services start from, once: they start from memory then, while nobody is served."""
    for file in program.rglob("*"):
        if file.suffix in STARTED_FROM and not file.is_symlink():
            with suppress(OSError), file.open("rb") as opened:
                while opened.read(READ):
                    pass


def _marked(*words: str) -> None:
    """RAUC refuses to mark while it answers another question, or writes a slot: then it is asked again."""
    until = time.monotonic() + LONG
    while True:
        try:
            _run("rauc", "status", *words)
            return
        except SwitchError as exc:
            if BUSY not in str(exc) or time.monotonic() > until:
                raise
        time.sleep(AGAIN)


def _run(*argv: str | Path, within: float = QUICK) -> str:
    done = _tried(tuple(map(str, argv)), within=within)
    if done.returncode:
        raise SwitchError(f"{argv[0]}: {_last(done.stderr) or _last(done.stdout) or done.returncode}")
    return done.stdout


def _tried(
    argv: tuple[str, ...], within: float, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    program = shutil.which(argv[0])
    if program is None:
        raise SwitchError(f"{argv[0]} is not on this machine")
    try:
        return subprocess.run(
            (program, *argv[1:]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=within,
            env=env,
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise SwitchError(f"{argv[0]} has not ended within {within:g} s") from exc
    except OSError as exc:
        raise SwitchError(f"{argv[0]}: {exc.strerror}") from exc


def _reason(said: str) -> str:
    """What a rehearsal has found, which is a JSON object; else the last line."""
    try:
        found = json.loads(said.strip().rpartition("\n")[2])
    except ValueError:
        found = None
    reason = found.get("reason") if isinstance(found, dict) else None
    return str(reason)[:300] if reason else _last(said)


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
