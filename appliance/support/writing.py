"""Writes a bundle, piece by piece, in a thread; a part that cannot be had is named in it, and the rest is."""

from __future__ import annotations

import itertools
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from appliance.support.parts import Part

README = """A support bundle of a Callisto appliance.

version.json         what runs, and on what
configuration.json   the settings in force; of secrets only whether they are set
status.json          what the supervisor knows: processes, how they ended last, calls, peers, store, network
info.json            the same for programs (docs/info.schema.json)
selftest.json        the checks that come before a bug report, made for this bundle
store.json           sizes, schema and revision of the store
variables.json       the system variables, and who has changed them
runs.json            planned restarts that were due
audit.txt            the end of the audit trail
log.txt              the last minutes of every process's log
traces/              the newest captures
missing.txt          parts that could not be had, and why

Passwords, keys and digest responses are masked as ***. Numbers of callers, names of users and addresses
are in the captures, the log and the audit trail: give the file to those only who need it.
"""


class CancelledError(Exception):
    """Nobody wants the bundle any more."""


class _PartError(Exception):
    """What a part is made of cannot be had."""


def write(
    file: BinaryIO,
    parts: Sequence[Part],
    *,
    clean: Callable[[str], str],
    step: Callable[[int, str], None],
    cancelled: Callable[[], bool],
) -> tuple[str, ...]:
    """The parts that are missing, each with why, made clean. `step` is told number and name of each part.
    Raises CancelledError, and OSError when the disk does not take it."""
    missing: list[str] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, Part("README.txt", lambda: [README]), cancelled)
        for number, part in enumerate(parts, 1):
            step(number, part.name)
            try:
                _add(archive, part, cancelled)
            except _PartError as exc:
                missing.append(clean(f"{part.name}: {exc}"))
        if missing:
            _add(archive, Part("missing.txt", lambda: [f"{each}\n" for each in missing]), cancelled)
    return tuple(missing)


def _add(archive: zipfile.ZipFile, part: Part, cancelled: Callable[[], bool]) -> None:
    info = zipfile.ZipInfo(part.name, time.localtime()[:6])
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    pieces = _pieces(part)
    first = next(pieces, "")  # a part that cannot be had at all leaves no empty file
    with archive.open(info, "w", force_zip64=True) as member:
        for piece in itertools.chain([first], pieces):
            if cancelled():
                raise CancelledError
            member.write(piece.encode("utf-8", "backslashreplace"))


def _pieces(part: Part) -> Iterator[str]:
    try:
        yield from part.content()
    except Exception as exc:
        raise _PartError(f"{type(exc).__name__}: {exc}") from exc
