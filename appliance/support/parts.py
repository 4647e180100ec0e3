"""The parts of a bundle: their names, and what is in them. What is secret is masked where it is made."""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from appliance.config import Config
from appliance.config_settings import SETTINGS
from appliance.support.secrets import Secrets, is_secret_name
from db.store import Store
from shell.pages.words import change_data

CAPTURES_BYTES: Final = 20_000_000
"""Of the newest captures; the rest is left out, and that is said."""
AUDIT, CHANGES, RUNS = 500, 200, 50
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the bundle. `content` is read once, piece by piece, in a thread."""

    name: str
    content: Callable[[], Iterable[str]]


class Writer:
    """Makes parts out of data, without secrets."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def data(self, name: str, value: Callable[[], Any]) -> Part:
        """Indented JSON."""

        def content() -> Iterator[str]:
            yield (
                json.dumps(self._secrets.clean_data(value()), indent=2, ensure_ascii=False, default=str)
                + "\n"
            )

        return Part(name, content)

    def text(self, name: str, lines: Callable[[], Iterable[str]]) -> Part:
        return Part(name, lambda: (self._secrets.clean(line) + "\n" for line in lines()))

    def captures(self, folder: Path, most: int = CAPTURES_BYTES) -> tuple[Part, ...]:
        """The newest that fit; a capture that runs is taken as far as it is."""
        paths = [(path.stat(), path) for path in folder.glob("*.jsonl")] if folder.is_dir() else []
        parts, taken = [], 0
        for stat, path in sorted(paths, key=lambda one: -one[0].st_mtime):
            if taken + stat.st_size > most:
                continue
            taken += stat.st_size
            parts.append(self._capture(path, stat.st_size))
        return tuple(parts)

    def _capture(self, path: Path, size: int) -> Part:
        def content() -> Iterator[str]:
            left = size
            with path.open("rb") as file:
                while left > 0 and (line := file.readline(left)):
                    left -= len(line)
                    yield self._secrets.without_known(line.decode("utf-8", "backslashreplace"))

        return Part(f"traces/{path.name}", content)


def known_secrets(config: Config, environment: Mapping[str, str]) -> tuple[str, ...]:
    """All that this process has in the clear: passwords of peers, store and administrator, and what the
    environment calls a secret."""
    url = config.store_url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    named = (value for name, value in environment.items() if is_secret_name(name))
    peers = (peer.password for peer in config.peers)
    return tuple(filter(None, (config.admin_password or "", url, unquote(url), *peers, *named)))


def version(release: str, *, from_checkout: bool) -> dict[str, Any]:
    packages = sorted(
        f"{each.metadata['Name']} {each.version}"
        for each in metadata.distributions()
        if each.metadata["Name"]
    )
    return {
        "product": "Callisto",
        "version": release,
        "from_checkout": from_checkout,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "system": _system(),
        "packages": packages,
    }


def _system() -> str:
    """Debian and its version, say; empty where nothing tells."""
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return ""


def configuration(config: Config) -> dict[str, Any]:
    """The settings in force. Of secrets only whether they are set."""
    shown: dict[str, Any] = {}
    for setting in SETTINGS:
        value = getattr(config, setting.key)
        match value:
            case range():
                value = f"{value.start}-{value.stop - 1}"
            case Path():
                value = str(value)
            case tuple():
                value = list(value)
        shown[setting.key] = value
    shown["store_url"] = config.store_url_shown
    shown["peers"] = [
        {
            "name": peer.name,
            "host": peer.host,
            "port": peer.port,
            "transport": peer.transport,
            "priority": peer.priority,
            "user": peer.user,
            "has_a_secret": bool(peer.password),
            "realm": peer.realm,
            "register": peer.register,
            "ping_s": peer.ping_s,
        }
        for peer in config.peers
    ]
    shown["file"] = str(config.file) if config.file else None
    shown["warnings"] = list(config.warnings)
    return shown


def variables(store: Store) -> dict[str, Any]:
    return {
        "values": {
            state.variable.name: {"value": state.value, "is_default": state.is_default}
            for state in store.variables.all()
        },
        "changes": [change_data(each) for each in store.variables.history(None, CHANGES)],
    }


def store_facts(store: Store) -> dict[str, Any]:
    """The sizes of the office, not the office: who is in it is nobody's business."""
    office = store.office.read()
    return {
        "url": store.url_shown,
        "schema": store.schema,
        "revision": store.revision(),
        "bytes": store.size_bytes() or None,
        "calls": store.calls.count(),
        "users": len(office.users),
        "groups": len(office.groups),
    }


def audit(store: Store) -> list[str]:
    """Oldest first, one a line."""
    return [
        f"{note.at.isoformat(timespec='seconds')} {note.actor.user or '-'} {note.actor.channel} "
        f"{note.actor.address or '-'} {note.action}: {note.detail}"
        for note in reversed(store.audit.latest(AUDIT))
    ]


def runs(store: Store) -> list[dict[str, Any]]:
    return [
        {
            "name": run.name,
            "due": run.due.isoformat(),
            "started": run.started.isoformat() if run.started else None,
            "finished": run.finished.isoformat() if run.finished else None,
            "result": run.result,
        }
        for run in store.jobs.latest(RUNS)
    ]
