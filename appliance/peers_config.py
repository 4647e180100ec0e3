"""The PBX peers as they are configured: `[[peer]]` tables in the file, or one line in the environment.

[[peer]]                                   CALLISTO_PEERS="pbx1=10.0.0.1:5060;transport=udp;priority=1,
name = "pbx1"                                              pbx2=pbx.example;transport=tcp;priority=2"
address = "10.0.0.1:5060"                  CALLISTO_PEER_PBX1_PASSWORD=…
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from appliance.config_values import address, nearest, one_of, path, string, whole, yes_or_no
from router.model import Peer

VARIABLE = "CALLISTO_PEERS"
SHORT_VARIABLE = "CALLISTO_TRUNK"
TABLE, SHORT = "peer", "trunk"
SHORT_NAME = "pbx"
LONGEST_PASSWORD = 256


class PeersError(ValueError):
    """What is wrong with the peers, naming the setting and what is right; never a password."""


@dataclass(frozen=True, slots=True)
class Field:
    parse: Callable[[object], Any]
    expected: str


FIELDS: Mapping[str, Field] = {
    "address": Field(address, 'a host name or an IPv4 address, such as "10.0.0.1:5060"'),
    "transport": Field(one_of("udp", "tcp", "tls"), "one of udp, tcp, tls"),
    "priority": Field(whole(1, 100), "a whole number from 1 (tried first) to 100"),
    "user": Field(string, "the user name that the PBX knows"),
    "realm": Field(string, "the realm that the PBX asks a password for"),
    "register": Field(yes_or_no, "true or false"),
    "ping_s": Field(whole(0, 3600), "whole seconds from 1 to 3600, or 0 for never"),
    "early_media": Field(yes_or_no, "true or false"),
    "replaces": Field(yes_or_no, "true or false"),
    "dtmf": Field(one_of("auto", "rfc4733", "info"), "one of auto, rfc4733, info"),
    "srtp": Field(one_of("pass", "require"), "one of pass, require"),
    "password_file": Field(path, "a file whose first line is the password"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_NAME_EXPECTED = "1 to 32 letters, digits, - or _, such as pbx1"
_SHORT_EXPECTED = '"host[:port][;transport=udp|tcp|tls]", or "" for none'


@dataclass(frozen=True, slots=True)
class Found:
    """`peers`: their hosts may still be names. `passwords`: the variables that belong to them."""

    peers: tuple[Peer, ...] = ()
    passwords: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read(given: Mapping[str, object], env: Mapping[str, str], file: Path | None, folder: Path) -> Found:
    """The peers of the file, or those of the environment instead of them. Raises PeersError.

    A `password_file` in the file is meant from the file's folder, one in the environment from `folder`.
    """
    if env.get(VARIABLE) and env.get(SHORT_VARIABLE):
        raise PeersError(f"{VARIABLE}: {SHORT_VARIABLE} is set too; set one of them")
    base = folder
    if VARIABLE in env:
        where, entries = VARIABLE, [*_line(env[VARIABLE])]
    elif SHORT_VARIABLE in env:
        where, entries = SHORT_VARIABLE, _short(SHORT_VARIABLE, env[SHORT_VARIABLE])
    elif file is not None:
        where, entries, base = f"{file}", [*_tables(given, file)], file.parent
    else:
        return Found()
    return _found(where, entries, env, base)


def line(peers: tuple[Peer, ...]) -> str:
    """What CALLISTO_PEERS has to be for the same peers; without their passwords."""
    return ",".join(_written(peer) for peer in peers)


def password_variable(name: str) -> str:
    return f"CALLISTO_PEER_{name.upper().replace('-', '_')}_PASSWORD"


# Each form as names with their settings


def _line(text: str) -> Iterator[tuple[str, dict[str, object]]]:
    for item in filter(None, (part.strip() for part in text.split(","))):
        first, *others = (part.strip() for part in item.split(";"))
        name, equals, where = first.partition("=")
        if not equals:
            raise PeersError(f'{VARIABLE}: "{first}" is refused; right would be name=host:port')
        yield name.strip(), {"address": where, **_parameters(f"{VARIABLE}: peer {name}", others)}


def _short(where: str, value: object) -> list[tuple[str, dict[str, object]]]:
    if not isinstance(value, str):
        raise PeersError(f"{where}: {value!r} is refused; right would be {_SHORT_EXPECTED}")
    first, *others = (part.strip() for part in value.split(";"))
    if not others and first.lower() in ("", "none"):
        return []
    parameters = _parameters(where, others)
    try:
        address(first)
        FIELDS["transport"].parse(parameters.get("transport", "udp"))
        refused = parameters.keys() - {"transport"}
    except ValueError:
        refused = {value}
    if refused:
        raise PeersError(f'{where}: "{value}" is refused; right would be {_SHORT_EXPECTED}')
    return [(SHORT_NAME, {"address": first, **parameters})]


def _tables(given: Mapping[str, object], file: Path) -> Iterator[tuple[str, dict[str, object]]]:
    short = _short(f"{file}: {SHORT}", given.get(SHORT, ""))
    tables = given.get(TABLE, [])
    if short and tables:
        raise PeersError(f"{file}: {SHORT}: there are [[peer]] tables too; make the trunk one of them")
    yield from short
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise PeersError(f"{file}: {TABLE}: each peer is a table of its own; right would be [[peer]]")
    for place, table in enumerate(tables, 1):
        if "name" not in table:
            raise PeersError(f"{file}: peer {place}: name is missing; right would be {_NAME_EXPECTED}")
        name = table["name"]
        if not isinstance(name, str):
            raise PeersError(
                f"{file}: peer {place}: name: {name!r} is refused; right would be {_NAME_EXPECTED}"
            )
        yield name, {key: value for key, value in table.items() if key != "name"}


def _parameters(where: str, others: list[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for parameter in filter(None, others):
        key, equals, value = parameter.partition("=")
        if not equals:
            raise PeersError(f'{where}: "{parameter}" is refused; right would be such as transport=udp')
        found[key.strip().lower()] = unquote(value.strip())
    return found


# From those to peers


def _found(
    where: str, entries: list[tuple[str, dict[str, object]]], env: Mapping[str, str], base: Path
) -> Found:
    peers: list[Peer] = []
    warnings: list[str] = []
    owners: dict[str, str] = {}
    for name, settings in entries:
        if not _NAME.fullmatch(name):
            raise PeersError(f'{where}: peer "{name}" is refused; right would be {_NAME_EXPECTED}')
        variable = password_variable(name)
        if variable in owners:
            raise PeersError(
                f"{where}: peer {name}: there is a peer {owners[variable]}; give each its own name"
            )
        owners[variable] = name
        place = f"{where}: peer {name}"
        peer, file = _peer(place, name, settings)
        password = env.get(variable) or ""
        if file and not password:
            password = _password(place, base / file, warnings)
        peers.append(replace(peer, password=_good(f"{place}: the password", password)))
        if password and not peer.user:
            warnings.append(f"{place}: its password is of no use without a user; set user")
    return Found(tuple(peers), tuple(owners), tuple(warnings))


def _peer(where: str, name: str, settings: Mapping[str, object]) -> tuple[Peer, str]:
    """The peer without its password, and the file of that, or an empty text."""
    values: dict[str, Any] = {}
    for key, value in settings.items():
        if key == "password":
            raise PeersError(
                f"{where}: {key}: no password belongs here;"
                f" set {password_variable(name)} in the environment, or password_file"
            )
        if key not in FIELDS:
            raise PeersError(f"{where}: {key}: there is no such setting; {nearest(key, list(FIELDS))}")
        try:
            values[key] = FIELDS[key].parse(value)
        except ValueError:
            told = f'"{value}"' if isinstance(value, str) else repr(value)
            right = FIELDS[key].expected
            raise PeersError(f"{where}: {key}: {told} is refused; right would be {right}") from None
    if "address" not in values:
        raise PeersError(f"{where}: address is missing; right would be {FIELDS['address'].expected}")
    host, port = values.pop("address")
    file = values.pop("password_file", "")
    standard = 5061 if values.get("transport") == "tls" else 5060
    peer = Peer(name, host, port or standard, **values)
    if peer.register and not peer.user:
        raise PeersError(f"{where}: register: there is no user to register; set user, or register = false")
    return peer, file


def _password(where: str, file: Path, warnings: list[str]) -> str:
    try:
        found = file.read_bytes().decode().partition("\n")[0].rstrip("\r")
        mode = file.stat().st_mode
    except OSError as exc:
        raise PeersError(f"{where}: password_file: {file} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise PeersError(f"{where}: password_file: {file} is not UTF-8 text") from exc
    if not found:
        raise PeersError(
            f"{where}: password_file: the first line of {file} is empty; write the password there"
        )
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        warnings.append(f"{where}: password_file: others can read {file}; chmod 600 {file}")
    return found


def _good(what: str, password: str) -> str:
    if len(password) > LONGEST_PASSWORD or not password.isprintable():
        raise PeersError(f"{what} is refused; right would be at most {LONGEST_PASSWORD} printable characters")
    return password


def _written(peer: Peer) -> str:
    plain = Peer(peer.name, peer.host)
    others = {key: getattr(peer, key) for key in FIELDS if key not in ("address", "password_file")}
    told = [
        f";{key}={quote(str(value).lower() if isinstance(value, bool) else str(value), safe='')}"
        for key, value in others.items()
        if value != getattr(plain, key)
    ]
    return f"{peer.name}={peer.host}:{peer.port}{''.join(told)}"
