"""`callisto verify` for updates: those on this machine and the slot that runs, one in a file, and a slot
against its update."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from appliance.commands.flash import Line
from appliance.commands.say import complain
from appliance.config import Config
from firmware.flashing import Progress
from firmware.image_file import KEYRINGS
from firmware.refusals import megabytes
from firmware.update import bundle, keyfile, machine, sheet
from firmware.update.bundle import SUFFIX, Bundle, BundleError
from firmware.update.sheet import Sheet

DONE, REFUSED = 0, 1
APPLICATIONS = Path("data/system/applications")
"""Root's copies of the application updates that run, and ran before."""
READ = 1 << 20


def check(path: Path, slot: Path | None, *, keyring: Path | None) -> int:
    """One update; with `slot`, whether that holds what the update does. Nothing is written."""
    try:
        found, what = _wholly(path, keyring)
        if slot is not None:
            _slot(found, slot)
    except BundleError as exc:
        complain(f"{path.name}: {exc.message}", exc.hint)
        print("NOT as it was signed")
        return REFUSED
    except OSError as exc:
        complain(f"{exc.filename or slot}: {exc.strerror}")
        return REFUSED
    for line in described(what):
        print(line)
    print("as it was signed")
    return DONE


def check_all(config: Config, *, keyring: Path | None, root: Path = Path("/")) -> int:
    """The updates that lie on this machine, and the system that runs against the one it came from. `root`:
    where the machine's files are."""
    folders = [folder for folder in (config.state / "updates", root / APPLICATIONS) if folder.is_dir()]
    paths = [path for folder in folders for path in sorted(folder.glob(f"*{SUFFIX}"))]
    good: list[tuple[Bundle, Sheet]] = []
    for path in paths:
        try:
            found, what = _wholly(path, keyring)
            good.append((found, what))
            print(f"{path}  {what.kind} {what.version}: as it was signed")
        except BundleError as exc:
            complain(f"{path}: {exc.message}", exc.hint)
    bad = len(paths) - len(good)
    if not paths:
        print("There are no updates on this machine.")
    else:
        print(f"{bad} of {len(paths)} are NOT as they were signed" if bad else "all as they were signed")
    return DONE if _running(good, root) and not bad else REFUSED


def _running(good: Sequence[tuple[Bundle, Sheet]], root: Path) -> bool:
    """Nothing but a signed list says what has to be in the slot, and the slot cannot hold its own: without
    one here, that is said, and is no fault."""
    letter = machine.booted(root)
    if not letter:
        return True
    slot, version = root / f"dev/callisto/rootfs-{letter.lower()}", machine.system_version(root)
    runs = ("system", version, machine.kernel(root))
    own = [found for found, what in good if (what.kind, what.version, what.kernel) == runs]
    if not own:
        print(f"Slot    {letter}: what version {version} was signed as is not on this machine;")
        print(f"        callisto verify FILE{SUFFIX} {slot} compares it with its update,")
        print("        callisto verify IMAGE DISK with the image it was flashed from")
        return True
    try:
        _slot(own[0], slot)
    except BundleError as exc:
        complain(exc.message, exc.hint)
    except OSError as exc:
        complain(f"{slot}: {exc.strerror}", "reading a slot is for root")
    else:
        return True
    print(f"Slot    {letter}: NOT known to be as it was signed")
    return False


def described(what: Sheet) -> tuple[str, ...]:
    kernel = f", kernel {what.kernel}" if what.kernel else ""
    built = f"{what.built_at:%Y-%m-%d %H:%M} UTC"
    lines = (
        f"Update  {what.kind} {what.version} of {built} for {what.compatible}{kernel}",
        f"        signed by {what.signer}",
        f"        needs {what.base}, store of schema {what.schema}" if what.kind == "application" else "",
        f"        brings {what.base}, store of schema {what.schema}" if what.kind == "system" else "",
        f"        {what.notes}" if what.notes else "",
    )
    return tuple(line for line in lines if line)


def _wholly(path: Path, keyring: Path | None) -> tuple[Bundle, Sheet]:
    keyring = keyring or next((one for one in KEYRINGS if one.is_file()), KEYRINGS[0])
    found = bundle.opened(path, keyring)
    what = sheet.of_bundle(found)
    began = time.monotonic()
    line = Line()
    try:
        bundle.check(found, lambda done, of: line(Progress("verifying", done, of, time.monotonic() - began)))
    finally:
        line.end()
    return found, what


def _slot(found: Bundle, slot: Path) -> None:
    """What follows the file system in a slot is of whatever was there before. Raises BundleError, OSError."""
    image = keyfile.read(found.manifest.encode()).get("image.rootfs", {})
    size = image.get("size", "")
    if not size.isdecimal():
        raise BundleError("it is of an application, which no slot holds", "name the update alone")
    whole, left = hashlib.sha256(), int(size)
    with slot.open("rb") as file:
        while left and (part := file.read(min(READ, left))):
            whole.update(part)
            left -= len(part)
    if left or whole.hexdigest() != image.get("sha256"):
        raise BundleError(f"{slot} does not hold it", "another version was installed there, or it is damaged")
    print(f"Slot    {slot}: the same, {megabytes(int(size))}")
