"""What an update says of itself, in the part of its manifest that is ours. Pure.

RAUC passes the section `[meta.callisto]` over, and its signature covers it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol, cast

from firmware.update import keyfile
from firmware.update.errors import BundleError
from firmware.versions import VersionError, parse_version

Kind = Literal["system", "application"]
Restart = Literal["services", "reboot"]

SECTION = "meta.callisto"
COMPATIBLE: Mapping[Kind, str] = {"system": "callisto-x86_64", "application": "callisto-app-x86_64"}
"""What RAUC compares: it never writes an application to a slot."""
RESTARTS: Mapping[Kind, Restart] = {"system": "reboot", "application": "services"}
LONGEST_OUTAGE = 3600.0
LONGEST_LINE = 200

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:-]{0,99}")
_SCHEMA = re.compile(r"[0-9]{4}")
_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?")
_EPOCH = re.compile(r"[0-9]{1,10}")


class Signed(Protocol):
    """Of a Bundle, what is read here."""

    @property
    def manifest(self) -> str: ...
    @property
    def signer(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Sheet:
    """`schema`: the newest of its store; `oldest_schema`: backups of older ones it cannot restore. `base`:
    what of the system it fits to (an application; a system brings it along). `kernel`: which one a system
    has, for people. `outage_s`: how long nobody is served, as its makers estimate.
    `notes`: one line for people. `signer`: whose signature it has."""

    kind: Kind
    version: str
    built_at: datetime
    compatible: str
    base: str
    schema: str
    oldest_schema: str
    kernel: str
    restart: Restart
    outage_s: float
    notes: str
    signer: str


def of_bundle(bundle: Signed) -> Sheet:
    """Raises BundleError for one that says too little, or contradicts itself."""
    groups = keyfile.read(bundle.manifest.encode("utf-8", "surrogatepass"))
    update, ours = groups.get("update", {}), groups.get(SECTION)
    if ours is None:
        raise BundleError("it is an update, but none of this product: it does not say what it would do")
    kind = ours.get("kind", "")
    if kind not in COMPATIBLE:
        raise BundleError(
            f"it is an update of a kind that is not known here: {kind[:40]!a}",
            "a newer system may know it: install a system update first",
        )
    kind = cast(Kind, kind)
    compatible = _fitting(update, "compatible", _WORD)
    sheet = Sheet(
        kind=kind,
        version=_version(update),
        built_at=datetime.fromtimestamp(int(_fitting(update, "build", _EPOCH)), UTC),
        compatible=compatible,
        base=_fitting(ours, "base", _WORD),
        schema=_fitting(ours, "schema", _SCHEMA),
        oldest_schema=_fitting(ours, "oldest_schema", _SCHEMA),
        kernel=_fitting(ours, "kernel", _WORD) if ours.get("kernel") else "",
        restart=cast(Restart, _fitting(ours, "restart", re.compile(RESTARTS[kind]))),
        outage_s=min(float(_fitting(ours, "outage_s", _SECONDS)), LONGEST_OUTAGE),
        notes=_line(ours.get("notes", "")),
        signer=bundle.signer,
    )
    if sheet.oldest_schema > sheet.schema:
        raise BundleError("its manifest contradicts itself: oldest_schema comes after schema")
    return sheet


def section(sheet: Sheet) -> Mapping[str, str]:
    """What `of_bundle` finds again, apart from what stands in `[update]`."""
    return {
        "kind": sheet.kind,
        "base": sheet.base,
        "schema": sheet.schema,
        "oldest_schema": sheet.oldest_schema,
        **({"kernel": sheet.kernel} if sheet.kernel else {}),
        "restart": sheet.restart,
        "outage_s": f"{sheet.outage_s:.1f}",
        **({"notes": sheet.notes} if sheet.notes else {}),
    }


def _fitting(keys: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = keys.get(name, "")
    if not form.fullmatch(value):
        raise BundleError(f"its manifest has no {name} that can be used: {value[:40]!a}")
    return value


def _version(update: Mapping[str, str]) -> str:
    try:
        return str(parse_version(update.get("version", "")))
    except VersionError as exc:
        raise BundleError(f"its manifest has no version that can be used: {exc}") from exc


def _line(text: str) -> str:
    """Text of others for people: one line, and nothing that a terminal would obey."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())[:LONGEST_LINE]
