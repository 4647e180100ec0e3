"""What is in a root file system: Debian's packages and Python's, by their own records."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Literal

from firmware.build.environment import PACKAGES


@dataclass(frozen=True, order=True, slots=True)
class Package:
    """`supplier`: whom it is from. `licence`: as the package declares it; empty when it does not."""

    kind: Literal["deb", "pypi"]
    name: str
    version: str
    supplier: str = ""
    licence: str = ""
    home: str = ""


def of_tree(tree: Path) -> tuple[Package, ...]:
    status = (tree / "var/lib/dpkg/status").read_text(encoding="utf-8")
    found = [(one / "METADATA").read_text(encoding="utf-8") for one in (tree / PACKAGES).glob("*.dist-info")]
    return tuple(sorted([*of_status(status), *map(of_metadata, found)]))


def of_status(text: str) -> tuple[Package, ...]:
    """The installed packages of dpkg's status."""
    parsed = (HeaderParser().parsestr(stanza) for stanza in re.split(r"\n\n+", text) if stanza.strip())
    return tuple(
        Package(
            "deb",
            one["Package"],
            one["Version"],
            supplier=one.get("Maintainer", ""),
            home=one.get("Homepage", ""),
        )
        for one in parsed
        if one.get("Status", "").endswith(" installed")
    )


def of_metadata(text: str) -> Package:
    """The package that a wheel's METADATA describes."""
    fields = HeaderParser().parsestr(text)
    licence = fields.get("License-Expression") or fields.get("License") or ""
    homes = [
        fields.get("Home-page", ""),
        *(one.partition(",")[2] for one in fields.get_all("Project-URL", [])),
    ]
    return Package(
        "pypi",
        fields["Name"],
        fields["Version"],
        supplier=fields.get("Author") or fields.get("Author-email") or "",
        # Some put the whole text of it here.
        licence=licence.strip() if len(licence) < 100 and "\n" not in licence.strip() else "",
        home=next((home.strip() for home in homes if home.strip()), ""),
    )
