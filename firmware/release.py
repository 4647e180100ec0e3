"""Which release this is, and how releases are ordered."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "callisto-appliance"

_FINAL = 0
_STAGES = {"dev": -4, "a": -3, "b": -2, "rc": -1, "": _FINAL}
_VERSION = re.compile(
    r"(?P<major>\d{1,6})\.(?P<minor>\d{1,6})(?:\.(?P<patch>\d{1,6}))?"
    r"(?:\.?(?P<stage>dev|a|b|rc)(?P<count>\d{1,6}))?",
    re.ASCII,
)


class VersionError(ValueError):
    """Text that is no version of ours."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:40]!a} is not a version; expected numbers such as 1.4.0, 1.4.0rc1 or 1.4.0.dev2"
        )
        self.text = text


class ReleaseUnknownError(Exception):
    """The program is neither installed nor run from a checkout."""


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """In the order of releases: 1.4.0.dev1 < 1.4.0a1 < 1.4.0b1 < 1.4.0rc1 < 1.4.0 < 1.4.1."""

    major: int
    minor: int
    patch: int = 0
    stage: int = _FINAL
    count: int = 0

    def __str__(self) -> str:
        number = f"{self.major}.{self.minor}.{self.patch}"
        if self.stage == _FINAL:
            return number
        stage = next(name for name, rank in _STAGES.items() if rank == self.stage)
        return f"{number}{'.' if stage == 'dev' else ''}{stage}{self.count}"


@dataclass(frozen=True, slots=True)
class Release:
    """What runs: its version, and whether straight from a checkout of the sources."""

    version: str
    from_checkout: bool = False

    @property
    def parsed(self) -> Version:
        """For comparing; raises VersionError."""
        return parse_version(self.version)


def parse_version(text: str) -> Version:
    """The subset of PEP 440 that our releases use. Raises VersionError."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        raise VersionError(text)
    return Version(
        int(found["major"]),
        int(found["minor"]),
        int(found["patch"] or 0),
        _STAGES[found["stage"] or ""],
        int(found["count"] or 0),
    )


def running(beside: Path | None = None) -> Release:
    """The release of the code that runs. `beside`: where setup.cfg lies in a checkout, beside the packages.

    A checkout speaks for itself: metadata left behind by an earlier build may be of another version.
    Raises ReleaseUnknownError.
    """
    folder = beside or Path(__file__).resolve().parent.parent
    version = _version_in(folder / "setup.cfg")
    if version is not None:
        return Release(version, from_checkout=True)
    try:
        return Release(metadata.version(DISTRIBUTION))
    except metadata.PackageNotFoundError as exc:
        raise ReleaseUnknownError(
            f"no version: {DISTRIBUTION} is not installed here and {folder} is no checkout of it"
        ) from exc


def _version_in(file: Path) -> str | None:
    """The version that a setup.cfg of ours declares; None for any other file."""
    declared = configparser.ConfigParser(interpolation=None)
    try:
        declared.read(file, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return None
    if declared.get("metadata", "name", fallback="") != DISTRIBUTION:
        return None
    return declared.get("metadata", "version", fallback=None)
