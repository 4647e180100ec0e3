"""Which Debian mirror this machine uses, read from its own apt sources. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITE = "testing"
COMPONENT_NAME = re.compile(r"^asterisk_.+\.orig-Xpjproject\.tar\.[a-z0-9]+$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One apt source: where, which suites, which components."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a source package as apt's signed index describes it."""

    uri: str
    file_name: str
    size: int
    checksum: str
    """As apt writes it: `SHA256:` and hex digits."""


def one_line_entries(text: str) -> tuple[Entry, ...]:
    """The `deb`/`deb-src` lines of a sources.list."""
    return tuple(
        Entry(match["uri"], (match["suite"],), tuple(match["components"].split()))
        for line in text.splitlines()
        if (match := _ONE_LINE.match(line.split("#", 1)[0].rstrip()))
    )


def deb822_entries(text: str) -> tuple[Entry, ...]:
    """The enabled stanzas of a .sources file (RFC 822 style, deb822(5))."""
    found: list[Entry] = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        if fields.get("enabled", "yes").lower() in {"no", "false", "0", "off", "without", "disable"}:
            continue
        suites = tuple(fields.get("suites", "").split())
        components = tuple(fields.get("components", "").split())
        found += [Entry(uri, suites, components) for uri in fields.get("uris", "").split() if suites]
    return tuple(found)


def debian_mirror(entries: Iterable[Entry], codename: str) -> str | None:
    """The archive that serves this machine's own release, security updates apart; None when there is none."""
    wanted = {codename, "stable", "oldstable", "testing"} - {""}
    for entry in entries:
        if wanted & set(entry.suites) and "main" in entry.components and _is_network(entry.uri):
            return entry.uri.rstrip("/")
    return None


def source_line(uri: str) -> str:
    """The sources.list line for the source packages of the suite that carries pjproject."""
    return f"deb-src [signed-by={KEYRING}] {uri} {SUITE} main\n"


def pjproject_component(printed: str) -> Component | None:
    """The pjproject part among the lines of `apt-get source --print-uris`."""
    for line in printed.splitlines():
        match = _PRINTED.match(line.strip())
        if match and COMPONENT_NAME.match(match["name"]):
            return Component(match["uri"], match["name"], int(match["size"]), match["checksum"])
    return None


_ONE_LINE = re.compile(
    r"^\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$"
)
_PRINTED = re.compile(
    r"^'(?P<uri>[^']+)' (?P<name>\S+) (?P<size>\d+) (?P<checksum>SHA(?:256|512):[0-9a-f]+)$"
)


def _fields(stanza: str) -> dict[str, str]:
    """Field names in small letters; continuation lines joined, comment lines dropped."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace() and name:
            fields[name] += " " + line.strip()
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def _is_network(uri: str) -> bool:
    return uri.split(":", 1)[0] in {
        "http",
        "https",
        "ftp",
        "tor+http",
        "tor+https",
        "mirror+http",
        "mirror+https",
    }
