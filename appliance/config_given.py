"""What was given: the lines of `callisto.toml`, and the variables of the environment, which win."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance import peers_config
from appliance.config_settings import PREFIX, SETTINGS, ConfigError, Setting
from appliance.config_values import nearest, without_password
from appliance.services.leash import PARENT

FILE = "callisto.toml"
CONFIG = "CALLISTO_CONFIG"
PASSWORD = "CALLISTO_ADMIN_PASSWORD"
_KEYS = [*(setting.key for setting in SETTINGS), peers_config.SHORT, peers_config.TABLE]


def file_of(env: Mapping[str, str], folder: Path) -> Path | None:
    """The file to be read; None for none, where there is none or nobody wants it."""
    if CONFIG in env:
        if not env[CONFIG]:
            return None
        file = folder / env[CONFIG]
        if not file.is_file():
            raise ConfigError(f"{CONFIG}: there is no file {file}; name an existing one, or unset {CONFIG}")
        return file
    file = folder / FILE
    return file if file.exists() else None


def read(file: Path) -> dict[str, object]:
    """What is in the file, by key. Raises ConfigError with its line where it is no TOML."""
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


def refuse_unknown(given: Mapping[str, object], file: Path | None) -> None:
    """Raises ConfigError for a key that means nothing, and for a password, which belongs in no file."""
    for key in given:
        if key == "admin_password":
            raise ConfigError(
                f"{file}: admin_password: no password belongs in this file; set {PASSWORD} in the environment"
            )
        if key not in _KEYS:
            raise ConfigError(f"{file}: {key}: there is no such setting; {nearest(key, _KEYS)}")


def value(setting: Setting, given: Mapping[str, object], env: Mapping[str, str], file: Path | None) -> Any:
    """Of this setting, parsed; its default where nothing was given. Raises ConfigError."""
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


def unknown_variables(env: Mapping[str, str], passwords: tuple[str, ...]) -> tuple[str, ...]:
    """A line for each variable with our prefix that means nothing; `passwords`: those of peers."""
    settings = [setting.variable for setting in SETTINGS]
    known = {
        CONFIG,
        PASSWORD,
        PARENT,
        peers_config.VARIABLE,
        peers_config.SHORT_VARIABLE,
        *settings,
        *passwords,
    }
    unknown = sorted(name for name in env if name.startswith(PREFIX) and name not in known)
    return tuple(
        f"{name} in the environment means nothing here; {nearest(name, sorted(known))}" for name in unknown
    )
