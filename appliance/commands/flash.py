"""`callisto flash` and `callisto verify`: images to media, and whether they are still what was signed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from appliance.commands.say import complain
from firmware.devices import FILE, Device, NoDeviceError, describe
from firmware.flashing import UNFINISHED, FlashError, Progress, flash
from firmware.image_file import Image, ImageError, load, load_manifest, manifest_of, opened
from firmware.medium import Medium, MediumError
from firmware.refusals import confirmed, megabytes, refusal
from firmware.verify import Part, verify

DONE, REFUSED = 0, 1
HEAR_EVERY = 0.2


def write(
    image: Path,
    target: Path,
    *,
    yes: str | None,
    allow_fixed: bool,
    keyring: Path | None,
    ask: Callable[[str], str],
) -> int:
    """`yes`: the serial number, or what has to be typed, given in advance. `ask` gets what is typed."""
    try:
        found = load(image, keyring)
        device = describe(target)
        _show(found)
        print(f"Target  {_shown(device)}")
        _confirm(device, found, yes, ask, allow_fixed=allow_fixed)
        _flash(found, device)
    except (ImageError, NoDeviceError, FlashError, MediumError, OSError) as exc:
        complain(str(exc))
        return REFUSED
    print(f"{device.path} holds {found.manifest.version}, read back and found good.")
    return DONE


def check(image: Path, target: Path, *, keyring: Path | None) -> int:
    """`image`: its manifest is enough. Nothing is written."""
    try:
        path = image if image.suffix == ".json" else manifest_of(image)
        manifest, signer = load_manifest(path, keyring)
        print(f"Image   {manifest.image}: {manifest.version} for {manifest.compatible}, signed by {signer}")
        with Medium(describe(target).path, read_only=True) as medium:
            line = Line()
            verdict = verify(medium, manifest, line)
            line.end()
    except (ImageError, NoDeviceError, MediumError, OSError) as exc:
        complain(str(exc))
        return REFUSED
    if verdict.table:
        complain(verdict.table)
    for part in verdict.parts:
        print(f"{part.name:<12} {_words(part)}")
    print("as it was signed" if verdict.good else "NOT as it was signed")
    return DONE if verdict.good else REFUSED


def _flash(image: Image, device: Device) -> None:
    line = Line()
    try:
        with opened(image) as source, Medium(device.path, image.manifest.size) as medium:
            flash(source, image.manifest, medium, line)
    except KeyboardInterrupt:
        raise FlashError(f"interrupted; {UNFINISHED}") from None
    finally:
        line.end()


def _confirm(
    device: Device, image: Image, yes: str | None, ask: Callable[[str], str], *, allow_fixed: bool
) -> None:
    if why := refusal(device, image.manifest, allow_fixed=allow_fixed):
        raise ImageError(why)
    if device.kind == FILE and not device.size:
        return  # nothing can be lost
    typed = yes
    if typed is None:
        what = "its name" if device.kind == FILE else "model and serial number"
        print(f"Everything on it will be lost. To go on, type {what}: {device.name}")
        try:
            typed = ask("> ")
        except EOFError:
            typed = ""
    if not confirmed(device, typed):
        raise ImageError(f"{typed[:80]!r} is not {device.name!r}: nothing was written")


def _show(image: Image) -> None:
    manifest = image.manifest
    print(f"Image   {manifest.image}: {manifest.version} for {manifest.compatible}")
    print(f"        signed by {image.signer}")
    print(f"        {megabytes(manifest.size)}, of which {megabytes(manifest.mapped)} are written")


def _shown(device: Device) -> str:
    words = filter(
        None, (device.name if device.kind != FILE else "a file", device.bus, megabytes(device.size))
    )
    return f"{device.path}: {', '.join(words)}"


def _words(part: Part) -> str:
    if not part.wrong:
        return "as signed"
    if part.lasting:
        return (
            f"CHANGED: {part.wrong} of {part.ranges} ranges; another version was installed, or it is damaged"
        )
    return "in use: it changes"


class Line:
    """Progress in one line that is written over; where nobody looks, a line for each thing that was done."""

    def __init__(self) -> None:
        self._tty = sys.stdout.isatty()
        self._said = 0.0
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        if self._last and self._last.doing != progress.doing:
            self.end()
        due = progress.done >= progress.of or progress.seconds - self._said >= HEAR_EVERY
        self._last = progress
        if self._tty and due:
            self._said = progress.seconds
            print(f"\r{words(progress):<78}", end="", flush=True)

    def end(self) -> None:
        if self._last is not None:
            print("" if self._tty else words(self._last), flush=True)
        self._last, self._said = None, 0.0


def words(progress: Progress) -> str:
    """Such as `writing        45 %    70 of 155 MB   12.3 MB/s   7 s left`."""
    part = 100 * progress.done // progress.of if progress.of else 100
    text = f"{progress.doing:<13} {part:3} %  {progress.done / 1e6:6.0f} of {progress.of / 1e6:.0f} MB"
    if progress.speed:
        text += f"  {progress.speed / 1e6:6.1f} MB/s"
    if progress.left_s is not None and progress.done < progress.of:
        text += f"  {progress.left_s:.0f} s left"
    return text if progress.done < progress.of else f"{text}  in {progress.seconds:.1f} s"
