"""Which release this is."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from firmware.versions import Version, parse_version

DISTRIBUTION = "callisto-appliance"


class ReleaseUnknownError(Exception):
    """The program is neither installed nor run from a checkout."""


@dataclass(frozen=True, slots=True)
class Release:
    """What runs: its version, and whether straight from a checkout of the sources."""

    version: str
    from_checkout: bool = False

    @property
    def parsed(self) -> Version:
        """For comparing; raises VersionError."""
        return parse_version(self.version)


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
