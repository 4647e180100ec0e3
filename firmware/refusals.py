"""May an image be written there? Pure decisions over a description of the device."""

from __future__ import annotations

from firmware.devices import DISK, FILE, OTHER, PARTITION, PLUGGED, Device
from firmware.gpt import SECTOR
from firmware.manifest import Manifest


def refusal(device: Device, manifest: Manifest, *, allow_fixed: bool) -> str | None:
    """Why not, and what is right; None when nothing speaks against it. `allow_fixed`: also to disks that
    nobody plugs in."""
    match device.kind:
        case _ if device.kind == PARTITION:
            return f"{device.path} is a partition; an image is written to the whole disk: {device.disk}"
        case _ if device.kind == OTHER:
            return f"{device.path} is neither a disk nor a file"
    if device.users:
        return f"{device.path} is in use: {'; '.join(device.users)}; unmount it, or choose another disk"
    if device.read_only:
        return f"{device.path} is read-only; is there a switch on the medium?"
    if device.kind == FILE and not device.size:
        return None  # it is made as long as the image
    if device.sector != SECTOR:
        return f"{device.path} has sectors of {device.sector} bytes; the image is for those of {SECTOR}"
    if device.size < manifest.size:
        return (
            f"{device.path} is too small: it has {megabytes(device.size)}, the image needs "
            f"{megabytes(manifest.size)}"
        )
    if device.size % SECTOR:
        return f"{device.path} is no disk: its size is no multiple of {SECTOR} bytes"
    if device.kind == DISK and device.bus not in PLUGGED and not allow_fixed:
        return (
            f"{device.path} ({device.name or 'no name'}) is not plugged in by USB or as a card; "
            "--allow-fixed writes to it all the same"
        )
    if device.kind == DISK and not device.name:
        return f"{device.path} tells neither model nor serial number: nobody could be sure which it is"
    return None


def confirmed(device: Device, typed: str) -> bool:
    """`typed`: model and serial number, or the serial number alone; the name of a file."""
    words = " ".join(typed.split())
    right = {device.name, device.serial} - {""}
    return words in {" ".join(one.split()) for one in right}


def megabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
