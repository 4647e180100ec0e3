"""Packs the module into a wheel (PyPA binary distribution format 1.0) that replaces the one from PyPI."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

from router.pjsua.build.recipe import DISTRIBUTION
from router.pjsua.build.requirements import RUN_TIME_PACKAGES

# Both `import pjsua2; pjsua2.Endpoint` and `pjsua2.pjsua2._pjsua2` work, as with the wheel from PyPI.
INIT = '''"""PJSUA2, built large for Callisto; _build.json says how."""

from ._version import __version__
from .pjsua2 import *
'''

# A zip cannot tell earlier times; a fixed one keeps two builds of the same inputs comparable.
WHEN = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a wheel's file name says."""

    version: str
    python: str
    platform: str

    @property
    def tag(self) -> str:
        return f"{self.python}-{self.python}-{self.platform}"

    @property
    def file_name(self) -> str:
        return f"{DISTRIBUTION.replace('-', '_')}-{self.version}-{self.tag}.whl"

    @property
    def dist_info(self) -> str:
        return f"{DISTRIBUTION.replace('-', '_')}-{self.version}.dist-info"


def python_tag() -> str:
    """Of the running interpreter, such as cp311."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}"


def platform_tag() -> str:
    """Of this machine, such as linux_x86_64: the binary is for this Debian, no manylinux promise is made."""
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def lay_out(folder: Path, identity: Identity, python: Path, binary: Path, facts: dict[str, object]) -> None:
    """The wheel's files below `folder`, all but RECORD."""
    package, info = folder / "pjsua2", folder / identity.dist_info
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text(INIT, encoding="utf-8")
    (package / "_version.py").write_text(f'__version__ = "{identity.version}"\n', encoding="utf-8")
    (package / "_build.json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (package / "pjsua2.py").write_bytes(python.read_bytes())
    (package / binary.name).write_bytes(binary.read_bytes())
    (info / "METADATA").write_text(_metadata(identity), encoding="utf-8")
    (info / "WHEEL").write_text(
        f"Wheel-Version: 1.0\nGenerator: callisto\nRoot-Is-Purelib: false\nTag: {identity.tag}\n",
        encoding="utf-8",
    )
    (info / "top_level.txt").write_text("pjsua2\n", encoding="utf-8")


def pack(folder: Path, identity: Identity, target: Path) -> Path:
    """Zip what `lay_out` made, with its RECORD, as a wheel in `target`; it appears only when it is whole."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    record = f"{identity.dist_info}/RECORD"
    lines = [_record_line(path.relative_to(folder).as_posix(), path.read_bytes()) for path in files]
    target.mkdir(parents=True, exist_ok=True)
    wheel = target / identity.file_name
    partial = wheel.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(_member(path.relative_to(folder).as_posix()), path.read_bytes())
        archive.writestr(_member(record), "".join([*lines, f"{record},,\n"]))
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(wheel)
    return wheel


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, WHEN)
    member.external_attr = (0o100755 if name.endswith(".so") else 0o100644) << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def _metadata(identity: Identity) -> str:
    return (
        "Metadata-Version: 2.4\n"
        f"Name: {DISTRIBUTION}\n"
        f"Version: {identity.version}\n"
        "Summary: PJSUA2 for Python, built large from Debian's sources of pjproject\n"
        "License-Expression: GPL-2.0-or-later\n"
        f"Requires-External: {', '.join(RUN_TIME_PACKAGES)}\n"
        "Requires-Python: >=3.11\n"
        "\n"
        "Made by `make engine` of Callisto. It takes the place of the wheel of the same name on PyPI,\n"
        "which carries 4 call legs.\n"
    )
