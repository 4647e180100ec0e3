"""What a path is that somebody wants to write an image to: read from the kernel, nothing is opened.

sysfs: Documentation/ABI/stable/sysfs-block of the kernel; proc_pid_mountinfo(5), proc_swaps(5).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE, DISK, PARTITION, OTHER = "file", "disk", "partition", "other"
PLUGGED = ("usb", "mmc")
"""Buses of media that people plug in. `removable` is no help: card readers say 0, some disks 1."""


class NoDeviceError(Exception):
    """There is nothing of that name, or it cannot be looked at."""


@dataclass(frozen=True, slots=True)
class Device:
    """`size` in bytes. `users`: who has it, each in words. `disk`: of a partition, the path of its disk.
    `sector`: bytes of a logical block."""

    path: Path
    kind: str
    size: int
    model: str = ""
    serial: str = ""
    bus: str = ""
    sector: int = 512
    read_only: bool = False
    users: tuple[str, ...] = ()
    disk: str = ""

    @property
    def name(self) -> str:
        """What is typed to confirm: model and serial of a disk, the name of a file."""
        if self.kind == FILE:
            return self.path.name
        return " ".join(filter(None, (self.model, self.serial)))


def describe(path: Path, sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> Device:
    """Raises NoDeviceError; makes nothing."""
    try:
        real = path.resolve(strict=True)
        found = real.stat()
    except OSError as exc:
        raise NoDeviceError(f"{path}: {exc.strerror}; nothing was written") from exc
    if stat.S_ISREG(found.st_mode):
        return Device(real, FILE, found.st_size, users=tuple(_loops(real, sys)))
    if not stat.S_ISBLK(found.st_mode):
        return Device(real, OTHER, 0)
    number = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return block_device(real, number, sys, proc)


def block_device(path: Path, number: str, sys: Path, proc: Path) -> Device:
    """Of the block device with that number, such as 8:16. Raises NoDeviceError."""
    try:
        folder = (sys / "dev/block" / number).resolve(strict=True)
    except OSError as exc:
        raise NoDeviceError(f"{path}: the kernel knows no device {number}") from exc
    size = int(_text(folder / "size") or 0) * 512
    if (folder / "partition").exists():
        return Device(path, PARTITION, size, disk=f"/dev/{folder.parent.name}")
    device = folder / "device"
    return Device(
        path,
        DISK,
        size,
        model=" ".join(
            filter(None, (_text(device / "vendor"), _text(device / "model") or _text(device / "name")))
        ),
        serial=_serial(folder, number, sys),
        bus=_bus(folder),
        sector=int(_text(folder / "queue/logical_block_size") or 512),
        read_only=_text(folder / "ro") == "1",
        users=tuple(dict.fromkeys(_users(path, folder, number, sys, proc))),
    )


def _users(path: Path, folder: Path, number: str, sys: Path, proc: Path) -> Iterator[str]:
    """The disk itself and each of its partitions."""
    parts = {folder.name: number}
    for part in sorted(one.parent for one in folder.glob("*/partition")):
        parts[part.name] = _text(part / "dev")
    names = {number: name for name, number in parts.items()}
    for line in _text(proc / "self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        words, source = before.split(), after.split()[1:2]
        if len(words) < 5:
            continue
        name = names.get(words[2]) or next((one for one in parts if source == [f"/dev/{one}"]), None)
        if name:
            yield f"{name} is mounted on {_unescaped(words[4])}"
    for line in _text(proc / "swaps").splitlines()[1:]:
        name = Path(_unescaped(line.split()[0])).name
        if name in parts:
            yield f"{name} is swap space"
    for name in parts:
        for holder in sorted((sys / "class/block" / name / "holders").glob("*")):
            yield f"{name} is a part of {_text(holder / 'dm/name') or holder.name}"
        yield from _loops(path.with_name(name), sys)


def _loops(path: Path, sys: Path) -> Iterator[str]:
    for backing in sorted(sys.glob("class/block/loop*/loop/backing_file")):
        if _text(backing) == str(path):
            yield f"{path.name} is behind {backing.parents[1].name}"


def _serial(folder: Path, number: str, sys: Path) -> str:
    """Where each bus has it; udev's own note last."""
    device = folder / "device"
    for file in (device / "serial", folder / "serial", device / "cid"):
        if text := _text(file):
            return text
    page = _bytes(device / "vpd_pg80")
    if len(page) > 4:
        return page[4 : 4 + page[3]].decode("ascii", "replace").strip()
    for parent in folder.parents:
        if parent == sys:
            break
        if (parent / "idVendor").exists():
            return _text(parent / "serial")
    noted = re.search(r"^E:ID_SERIAL_SHORT=(.+)$", _text(Path(f"/run/udev/data/b{number}")), re.MULTILINE)
    return noted[1] if noted else ""


def _bus(folder: Path) -> str:
    path = f"{folder}/"
    for bus, mark in (
        ("usb", r"/usb\d+/"),
        ("mmc", r"/mmc_host/"),
        ("nvme", r"/nvme/"),
        ("ata", r"/ata\d+/"),
        ("virtio", r"/virtio\d+/"),
    ):
        if re.search(mark, path):
            return bus
    return "virtual" if "/virtual/" in path else ""


def _unescaped(text: str) -> str:
    """Spaces and such are octal there."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _text(file: Path) -> str:
    return " ".join(_bytes(file).decode("utf-8", "replace").split(" ")).strip()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
