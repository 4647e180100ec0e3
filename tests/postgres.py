"""A PostgreSQL server of our own for tests: private, on a Unix socket alone, gone at the end.

One cluster for each test process, started when the first test asks for it; one database for each test.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests import needs

START_WITHIN = 60.0
STOP_WITHIN = 20.0

_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
}


def fresh_database(request: pytest.FixtureRequest, prepare: Callable[[str], None] | None = None) -> str:
    """URL of a new database; copied from one that `prepare` has made ready once. Skips without a server.

    `request` of any fixture or test: the server is stopped at the end of its session.
    """
    if _cluster.cache_info().currsize == 0:
        cluster = _cluster()
        request.session.addfinalizer(cluster.stop)
    return _cluster().new_database(prepare)


class Cluster:
    """The server, as a child of this process. It must not be root: when we are, it is the user postgres."""

    def __init__(self, programs: Path) -> None:
        self._owner = _other_user()
        # Short: the path of a Unix socket has 107 bytes at most.
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        if self._owner:
            os.chown(self._folder, self._owner.pw_uid, self._owner.pw_gid)
        self._names = itertools.count(1)
        self._templates: dict[Callable[[str], None], str] = {}
        try:
            self._make(programs)
            self._server = self._start(programs)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def new_database(self, prepare: Callable[[str], None] | None) -> str:
        template = self._template(prepare) if prepare else "template0"
        name = f"t{next(self._names)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._url(name)

    def stop(self) -> None:
        """SIGINT: end the sessions, then stop."""
        self._server.send_signal(signal.SIGINT)
        try:
            self._server.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(STOP_WITHIN)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _template(self, prepare: Callable[[str], None]) -> str:
        if prepare not in self._templates:
            name = f"template_{len(self._templates)}_ours"
            self._run(f"CREATE DATABASE {name} TEMPLATE template0")
            prepare(self._url(name))
            self._templates[prepare] = name
        return self._templates[prepare]

    def _make(self, programs: Path) -> None:
        command: list[str | Path] = [
            programs / "initdb", "-D", self._folder / "data", "-U", "test", "-A", "trust", "-E", "UTF8",
            "--locale=C", "--no-sync", "--no-instructions",
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120, **self._as_owner())

    def _start(self, programs: Path) -> subprocess.Popen[bytes]:
        settings = [f"-c{name}={value}" for name, value in _FAST.items()]
        with (self._folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", self._folder / "data", "-k", self._folder, *settings],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._as_owner(),
            )  # fmt: skip
        deadline = time.monotonic() + START_WITHIN
        while True:
            try:
                psycopg.connect(host=str(self._folder), user="test", dbname="postgres").close()
                return server
            except psycopg.OperationalError:
                if server.poll() is not None or time.monotonic() > deadline:
                    server.kill()
                    server.wait()
                    raise RuntimeError((self._folder / "log").read_text()) from None
            time.sleep(0.02)

    def _run(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self._folder), user="test", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def _url(self, name: str) -> str:
        return f"postgresql://test@/{name}?host={quote(str(self._folder), safe='')}"

    def _as_owner(self) -> dict[str, Any]:
        place: dict[str, Any] = {"cwd": "/", "start_new_session": True}
        if self._owner:
            place |= {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}
        return place


@cache
def _cluster() -> Cluster:
    return Cluster(needs.postgresql())


def _other_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return needs.missing("we are root, and there is no user postgres to run a server as")
