"""The Debian packages of the last release, by version and SHA-256: has the mirror moved since?

`image/locks/KERNEL.txt` has a line `name=version sha256` for each. The sums are those of Debian's signed
index; one that this machine's apt does not know any more is `-`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from firmware.build.contents import Package
from firmware.build.recipe import IMAGE, Kernel
from firmware.build.running import BuildError, program

UNKNOWN = "-"
_LINE = re.compile(r"([a-z0-9][a-z0-9.+-]+)=(\S+) ([0-9a-f]{64}|-)")

Locked = Mapping[str, tuple[str, str]]
"""Version and sum by name."""


def path(kernel: Kernel) -> Path:
    return IMAGE / "locks" / f"{kernel}.txt"


def read(text: str) -> Locked:
    """Raises BuildError."""
    found = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if (fields := _LINE.fullmatch(line)) is None:
            raise BuildError(
                f"the lock of Debian's packages has a line that is none of its own: {line[:60]!a}"
            )
        found[fields[1]] = (fields[2], fields[3])
    return found


def written(locked: Locked) -> str:
    lines = (f"{name}={version} {sha256}" for name, (version, sha256) in sorted(locked.items()))
    return "# Made by `python -P -m firmware.build lock`.\n" + "".join(f"{line}\n" for line in lines)


def moved(locked: Locked, found: Locked) -> tuple[str, ...]:
    """What is another than it was, a line each for people."""
    lines = []
    for name in sorted({*locked, *found}):
        before, now = locked.get(name), found.get(name)
        match before, now:
            case None, (version, _):
                lines.append(f"{name} {version} is new")
            case (version, _), None:
                lines.append(f"{name} {version} is not in it any more")
            case (old, old_sum), (new, new_sum):
                if old != new:
                    lines.append(f"{name} was {old}, is {new}")
                elif UNKNOWN not in (old_sum, new_sum) and old_sum != new_sum:
                    lines.append(f"{name} {new} has another content than it had")
    return tuple(lines)


def of_packages(packages: Iterable[Package]) -> Locked:
    """What was installed, with the sums that apt on this machine knows. Raises BuildError."""
    wanted = {one.name: one.version for one in packages if one.kind == "deb"}
    argv = [program("apt-cache", "apt"), "show", *(f"{name}={version}" for name, version in wanted.items())]
    said = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        check=False,  # it complains of a version that it does not know any more
    ).stdout
    sums = of_index(said)
    return {name: (version, sums.get((name, version), UNKNOWN)) for name, version in wanted.items()}


def of_index(text: str) -> Mapping[tuple[str, str], str]:
    """The sums in what `apt-cache show` says, by name and version."""
    found = {}
    for stanza in re.split(r"\n\n+", text):
        fields = dict(re.findall(r"(?m)^(Package|Version|SHA256): (\S+)$", stanza))
        if len(fields) == 3:
            found[fields["Package"], fields["Version"]] = fields["SHA256"]
    return found
