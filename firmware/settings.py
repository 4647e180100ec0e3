"""Before the network is up: what an engineer has left on the first partition of the flashed medium.

Run by systemd as root at each start: `python -m firmware.settings MEDIUM STATE RUN`. Nothing that is wrong
there stops the start: it is said on the console, and the machine goes on with DHCP and its own settings.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from firmware import network_file
from firmware.network_file import NetworkFileError

SETTINGS = "callisto.toml"
OWN = Path("/usr/share/callisto") / SETTINGS
LARGEST = 1 << 20
PROBLEMS = "callisto/problems"
"""Below RUN: what the console shows."""


def main(medium: Path, state: Path, run: Path, own: Path = OWN, etc: Path = Path("/etc")) -> int:
    problems = [*_network(medium, run, etc), *_settings(medium, state, own)]
    for problem in problems:
        print(problem)
    told = run / PROBLEMS
    told.parent.mkdir(parents=True, exist_ok=True)
    told.write_text("".join(f"{problem}\n" for problem in problems))
    return 0


def _network(medium: Path, run: Path, etc: Path) -> list[str]:
    """At each start: who cannot reach the machine any more changes the file."""
    try:
        text = _text(medium / network_file.NAME, network_file.LARGEST)
        if text is None:
            return []
        network = network_file.read(text)
        folder = run / "systemd" / "network"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "10-callisto.network").write_text(network_file.unit(network))
        if network.hostname:
            (etc / "hostname").write_text(f"{network.hostname}\n")
            _name_the_machine(network.hostname)
    except NetworkFileError as exc:
        return [f"{exc} (DHCP is used)"]
    except OSError as exc:
        return [f"{network_file.NAME}: {exc.strerror} (DHCP is used)"]
    return []


def _settings(medium: Path, state: Path, own: Path) -> list[str]:
    """At the first start alone: from then on the settings are those of the state."""
    target = state / SETTINGS
    if target.exists():
        return []
    problems = []
    try:
        text = _text(medium / SETTINGS, LARGEST)
    except OSError as exc:
        text, problems = None, [f"{SETTINGS}: {exc.strerror} (the settings are those of a new machine)"]
    neighbour = target.with_name(f".{SETTINGS}.new")
    neighbour.write_text(own.read_text() if text is None else text)
    neighbour.chmod(0o600)
    owner = state.stat()
    os.chown(neighbour, owner.st_uid, owner.st_gid)
    with neighbour.open("rb") as file:
        os.fsync(file.fileno())
    neighbour.replace(target)
    return problems


def _text(path: Path, largest: int) -> str | None:
    """None for no file. Raises OSError, and NetworkFileError's base for what is no text."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        raw = file.read(largest + 1)
    if len(raw) > largest:
        raise OSError(0, f"it has more than {largest} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise OSError(0, "it is no UTF-8 text; save it as UTF-8") from None


def _name_the_machine(name: str) -> None:
    try:
        Path("/proc/sys/kernel/hostname").write_text(name)
    except OSError as exc:
        print(f"the machine keeps its name: {exc.strerror}")


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:4])))
