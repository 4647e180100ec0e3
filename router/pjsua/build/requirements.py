"""Whether this machine can build the engine, decided in one place."""

from __future__ import annotations

import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

APT_HELPER = Path("/usr/lib/apt/apt-helper")

PROGRAMS = {"g++": "g++", "make": "make", "swig": "swig"}
HEADERS = {
    "srtp2/srtp.h": "libsrtp2-dev",
    "openssl/ssl.h": "libssl-dev",
    "opus/opus.h": "libopus-dev",
    "uuid/uuid.h": "uuid-dev",
}
RUN_TIME_PACKAGES = ("libsrtp2-1", "libopus0", "libssl3", "libuuid1", "libstdc++6")
"""What the finished wheel needs on a Debian 12 machine that did not build it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing the build needs, and the Debian package that brings it ("" when no package does)."""

    what: str
    package: str


def missing(include: Path = Path("/usr/include"), python_headers: Path | None = None) -> tuple[Missing, ...]:
    """What must be installed before a build can succeed; empty when it can start."""
    headers = python_headers or Path(sysconfig.get_path("include"))
    found = [Missing(name, package) for name, package in PROGRAMS.items() if shutil.which(name) is None]
    found += [
        Missing(f"{include}/{header}", package)
        for header, package in HEADERS.items()
        if not (include / header).exists()
    ]
    if not (headers / "Python.h").exists():
        # Another Python's headers come with that Python, not with a package.
        found.append(
            Missing(f"{headers}/Python.h", "python3-dev" if headers.is_relative_to("/usr/include") else "")
        )
    if shutil.which("apt-get") is None or not APT_HELPER.exists():
        found.append(Missing("apt-get (the sources are a part of a Debian source package)", ""))
    return tuple(found)


def packages(lacking: tuple[Missing, ...]) -> tuple[str, ...]:
    """The Debian packages that bring what packages can bring."""
    return tuple(sorted({item.package for item in lacking if item.package}))
