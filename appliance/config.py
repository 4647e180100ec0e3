"""What can be set when the appliance starts: one table, one TOML file, one environment variable each.

The environment wins over the file. Whatever is wrong is one line that names the setting, what was wrong and
what would be right (`ConfigError`); nothing starts on half a configuration.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from appliance.services.leash import PARENT

FILE = "callisto.toml"
PREFIX = "CALLISTO_"
CONFIG = "CALLISTO_CONFIG"
PASSWORD = "CALLISTO_ADMIN_PASSWORD"
EDITIONS = ("express", "ucm", "one")
STORE_SCHEMES = ("sqlite", "postgresql", "postgresql+psycopg")

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}(?<!-))?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")


class ConfigError(Exception):
    """The configuration is refused; the text is one line for people, whatever was in the input."""

    def __init__(self, text: str) -> None:
        super().__init__("".join(char if char.isprintable() else " " for char in text))


@dataclass(frozen=True, slots=True)
class TrunkAddress:
    """The PBX as configured: `host` may still be a name."""

    host: str
    port: int = 5060
    transport: str = "udp"

    def __str__(self) -> str:
        return f"{self.host}:{self.port};transport={self.transport}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set. `parse` takes text or a TOML value; a ValueError from it means refused."""

    key: str
    parse: Callable[[object], Any]
    default: Any
    expected: str

    @property
    def variable(self) -> str:
        return PREFIX + self.key.upper()


@dataclass(frozen=True, slots=True)
class Config:
    """The resolved settings. Paths are absolute; `admin_password` is meant for the first start alone."""

    listen: str
    telnet_port: int
    sip_port: int
    web_port: int
    state: Path
    store_url: str = field(repr=False)
    edition: str
    trunk: TrunkAddress | None
    admin_password: str | None = field(default=None, repr=False)
    file: Path | None = None
    warnings: tuple[str, ...] = ()

    @staticmethod
    def load(env: Mapping[str, str], folder: Path) -> Config:
        """Read `callisto.toml` in `folder` (or the file CALLISTO_CONFIG names) and `env`. Raises ConfigError.

        A relative path in the file is meant from the file's folder, one in the environment from `folder`.
        CALLISTO_CONFIG set and empty: no file is read.
        """
        file = _file(env, folder)
        given = _read(file) if file else {}
        _refuse_unknown(given, file)
        values = {setting.key: _value(setting, given, env, file) for setting in SETTINGS}
        base = file.parent if file and "state" in given and "CALLISTO_STATE" not in env else folder
        values["state"] = (base / values["state"]).absolute()
        values["store_url"] = values["store_url"] or f"sqlite:///{values['state']}/callisto.db"
        _refuse_shared_ports(values)
        return Config(
            **values, admin_password=env.get(PASSWORD) or None, file=file, warnings=_unknown_variables(env)
        )

    def environment(self) -> dict[str, str]:
        """All settings as variables, for a child process: it reads no file, so that a file being edited
        cannot keep a crashed service down. The admin password is left out."""
        values = {setting.variable: _text(getattr(self, setting.key)) for setting in SETTINGS}
        return {CONFIG: "", **values}

    @property
    def store_url_shown(self) -> str:
        """The store's URL for people: without a password."""
        return without_password(self.store_url)

    @property
    def routing_file(self) -> Path:
        return self.state / "routing.json"

    @property
    def spool(self) -> Path:
        return self.state / "spool"

    @property
    def run_folder(self) -> Path:
        return self.state / "run"

    @property
    def control_socket(self) -> Path:
        return self.run_folder / "control.sock"


def without_password(url: str) -> str:
    """`url` with any password replaced by three stars; never raises."""
    return re.sub(r"(?<=password=)[^&]*", "***", re.sub(r"(?<=://)([^/@:]*):.*@", r"\1:***@", url))


def _port(value: object) -> int:
    number = int(value, 10) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 65535:
        raise ValueError(value)
    return number


def _listen(value: object) -> str:
    return str(ipaddress.IPv4Address(_string(value)))


def _edition(value: object) -> str:
    text = _string(value).lower()
    if text not in EDITIONS:
        raise ValueError(value)
    return text


def _state(value: object) -> str:
    text = _string(value)
    if not text or "\0" in text:
        raise ValueError(value)
    return text


def _store_url(value: object) -> str:
    text = _string(value)
    parts = urlsplit(text)
    if parts.scheme not in STORE_SCHEMES:
        raise ValueError(value)
    if parts.scheme == "sqlite" and (parts.netloc or len(parts.path) < 2 or ":memory:" in parts.path):
        raise ValueError(value)  # a store in memory cannot be shared by several processes
    if parts.scheme != "sqlite" and not parts.path.strip("/"):
        raise ValueError(value)
    return text


def _trunk(value: object) -> TrunkAddress | None:
    text = _string(value)
    if not text or text.lower() == "none":
        return None
    address, *parameters = (part.strip() for part in text.split(";"))
    host, colon, port = address.partition(":")
    if not _HOST.fullmatch(host):
        raise ValueError(value)
    trunk = TrunkAddress(host, _port(port) if colon else 5060)
    for parameter in parameters:
        name, _, transport = parameter.lower().partition("=")
        if name != "transport" or transport not in ("udp", "tcp"):
            raise ValueError(value)
        trunk = TrunkAddress(trunk.host, trunk.port, transport)
    return trunk


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)  # noqa: TRY004 - one kind of refusal
    return value.strip()


_PORT = "a whole number from 1 to 65535"
SETTINGS: tuple[Setting, ...] = (
    Setting(
        "listen", _listen, "127.0.0.1", 'an IPv4 address of this machine, such as "127.0.0.1" or "0.0.0.0"'
    ),
    Setting("telnet_port", _port, 2323, _PORT),
    Setting("sip_port", _port, 5060, f"{_PORT} (UDP and TCP)"),
    Setting("web_port", _port, 8080, _PORT),
    Setting("state", _state, "var", "a directory whose parent exists"),
    Setting(
        "store_url", _store_url, "", "sqlite:////path/to/file.db or postgresql://user:password@host/database"
    ),
    Setting("edition", _edition, "ucm", "one of express, ucm, one"),
    Setting("trunk", _trunk, None, '"host[:port][;transport=udp|tcp]", or "" for none'),
)
_BY_KEY = {setting.key: setting for setting in SETTINGS}


def _file(env: Mapping[str, str], folder: Path) -> Path | None:
    if CONFIG in env:
        if not env[CONFIG]:
            return None
        file = folder / env[CONFIG]
        if not file.is_file():
            raise ConfigError(f"{CONFIG}: there is no file {file}; name an existing one, or unset {CONFIG}")
        return file
    file = folder / FILE
    return file if file.exists() else None


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_bytes().decode())
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ConfigError(f"{file}:{line}: not UTF-8 text; save the file as UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(_toml_problem(file, str(exc))) from exc


def _toml_problem(file: Path, text: str) -> str:
    where = re.search(r" \(at line (\d+), column (\d+)\)$", text)
    right = "each line is a key, an equals sign and a value, such as telnet_port = 2323"
    if where:
        return f"{file}:{where[1]}:{where[2]}: not valid TOML: {text[: where.start()]}; {right}"
    lines = file.read_bytes().split(b"\n")
    problem = text.removesuffix(" (at end of document)")
    return (
        f"{file}:{len(lines)}:{len(lines[-1]) + 1}: not valid TOML: {problem} at the end of the file; {right}"
    )


def _refuse_unknown(given: Mapping[str, object], file: Path | None) -> None:
    for key in given:
        if key == "admin_password":
            raise ConfigError(
                f"{file}: admin_password: no password belongs in this file; set {PASSWORD} in the environment"
            )
        if key not in _BY_KEY:
            raise ConfigError(f"{file}: {key}: there is no such setting; {_nearest(key, list(_BY_KEY))}")


def _value(setting: Setting, given: Mapping[str, object], env: Mapping[str, str], file: Path | None) -> Any:
    if setting.variable in env:
        where: str = setting.variable
        value: object = env[setting.variable]
    elif setting.key in given:
        where, value = f"{file}: {setting.key}", given[setting.key]
    else:
        return setting.default
    try:
        return setting.parse(value)
    except ValueError as exc:
        shown = f'"{without_password(value)}"' if isinstance(value, str) else repr(value)
        raise ConfigError(f"{where}: {shown} is refused; right would be {setting.expected}") from exc


def _refuse_shared_ports(values: Mapping[str, Any]) -> None:
    seen: dict[int, str] = {}
    for key in ("telnet_port", "sip_port", "web_port"):
        other = seen.setdefault(values[key], key)
        if other != key:
            raise ConfigError(f"{key}: {values[key]} is the {other} too; give each service a port of its own")


def _unknown_variables(env: Mapping[str, str]) -> tuple[str, ...]:
    known = {CONFIG, PASSWORD, PARENT, *(setting.variable for setting in SETTINGS)}
    unknown = sorted(name for name in env if name.startswith(PREFIX) and name not in known)
    return tuple(
        f"{name} in the environment means nothing here; {_nearest(name, sorted(known))}" for name in unknown
    )


def _nearest(text: str, known: list[str]) -> str:
    near = difflib.get_close_matches(text, known, 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
