"""What a setting may be. Each parser takes text or a TOML value; a ValueError from it means refused."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

EDITIONS = ("express", "ucm", "one")
STORE_SCHEMES = ("sqlite", "postgresql", "postgresql+psycopg")
ANY = "any"

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}(?<!-))?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")
_ONLY_NUMBERS = re.compile(r"[0-9.]+")


def string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)  # noqa: TRY004 - one kind of refusal
    return value.strip()


def whole(lowest: int, highest: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        number = int(value, 10) if isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= highest:
            raise ValueError(value)
        return number

    return parse


port = whole(1, 65535)
OFF = "off"
FEWEST_PORTS = 16


def port_or_off(value: object) -> int:
    """0 for one that is closed: 0, or "off"."""
    if isinstance(value, str) and value.strip().lower() == OFF:
        return 0
    return whole(0, 65535)(value)


def ports(value: object) -> range:
    """A range for RTP, such as 16384-18383, that begins with an even port (RFC 3550, section 11)."""
    first, dash, last = string(value).partition("-")
    low, high = port(first), port(last)
    if not dash or low < 1024 or low % 2 or high - low + 1 < FEWEST_PORTS:
        raise ValueError(value)
    return range(low, high + 1)


def one_of(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        text = string(value).lower()
        if text not in words:
            raise ValueError(value)
        return text

    return parse


def yes_or_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    match string(value).lower():
        case "true" | "yes" | "1":
            return True
        case "false" | "no" | "0":
            return False
    raise ValueError(value)


def listen(value: object) -> str:
    return str(ipaddress.IPv4Address(string(value)))


def path(value: object) -> str:
    text = string(value)
    if not text or "\0" in text:
        raise ValueError(value)
    return text


def path_or_none(value: object) -> str:
    return path(value) if string(value) else ""


def store_url(value: object) -> str:
    text = string(value)
    parts = urlsplit(text)
    if parts.scheme not in STORE_SCHEMES:
        raise ValueError(value)
    if parts.scheme == "sqlite" and (parts.netloc or len(parts.path) < 2 or ":memory:" in parts.path):
        raise ValueError(value)  # a store in memory cannot be shared by several processes
    if parts.scheme != "sqlite" and not parts.path.strip("/"):
        raise ValueError(value)
    return text


def networks(value: object) -> tuple[str, ...]:
    """A list, or text with commas: networks in CIDR form, single addresses, or "any"."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list):
        raise ValueError(value)  # noqa: TRY004 - one kind of refusal
    found = [string(one).lower() for one in given]
    return tuple(one if one == ANY else str(ipaddress.ip_network(one)) for one in found if one)


LONGEST_BANNER = 2048
"""Bytes."""


def banner(value: object) -> str:
    """A text of several lines."""
    if not isinstance(value, str) or len(value.encode(errors="replace")) > LONGEST_BANNER:
        raise ValueError(value)
    return value.strip("\r\n")


def address(value: object) -> tuple[str, int | None]:
    """`host[:port]`: a host name or an IPv4 address."""
    host, colon, number = string(value).partition(":")
    if not _HOST.fullmatch(host):
        raise ValueError(value)
    if _ONLY_NUMBERS.fullmatch(host):
        ipaddress.IPv4Address(host)
    return host, port(number) if colon else None


def nearest(text: str, known: Sequence[str]) -> str:
    """What to do about a word that is not known."""
    near = difflib.get_close_matches(text, known, 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def without_password(url: str) -> str:
    """`url` with any password replaced by three stars; never raises."""
    return re.sub(r"(?<=password=)[^&]*", "***", re.sub(r"(?<=://)([^/@:]*):.*@", r"\1:***@", url))
