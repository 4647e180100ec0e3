"""The state directory: made, owned by one supervisor at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.config import Config
from appliance.config_settings import ConfigError

_OTHER = "choose another with state in callisto.toml or CALLISTO_STATE"


@contextmanager
def claimed(config: Config) -> Iterator[bool]:
    """Own the state directory, made if it is missing (0700).

    Yields whether the last supervisor ended without cleaning up. Raises ConfigError when the directory cannot
    be used or another supervisor has it.
    """
    _make(config)
    lock = os.open(config.run_folder / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            raise ConfigError(
                f"state: {config.state} is in use by another appliance (pid {owner}); stop it, or {_OTHER}"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield config.control_socket.exists()
    finally:
        os.close(lock)


def _make(config: Config) -> None:
    state = config.state
    if not state.parent.is_dir():
        raise ConfigError(f"state: the directory {state.parent} does not exist; make it, or {_OTHER}")
    for folder in (state, config.run_folder, config.spool):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            _try_to_write(folder)
        except OSError as exc:
            raise ConfigError(
                f"state: {folder} cannot be used: {exc.strerror}; mend it, or {_OTHER}"
            ) from exc


def _try_to_write(folder: Path) -> None:
    probe = folder / ".probe"
    probe.touch()
    probe.unlink()
