"""A process is killed while it carries a backup to a folder, by FTP, FTPS or SFTP.

Nothing half is there under the name of a backup, and the next one that arrives leaves nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from appliance.targets.ways import target_of
from db.backup.progress import silent
from db.targets import TargetKind, TargetSettings
from tests.contracts.test_targets import NAME, OLDER, PIECES, RAW, ftp, refused
from tests.fakes.file_servers import PASSWORD, sshd, vsftpd

_CHILD = """
import json, os, signal, sys
from appliance.targets.keeping import Keeping
from appliance.targets.ways import target_of
from db.targets import TargetKind, TargetSettings
asked = json.load(sys.stdin)
settings = TargetSettings(**{**asked["settings"], "kind": TargetKind(asked["settings"]["kind"])})
at = asked["at"]
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def pieces():
    for number in range(30):
        if at == f"piece {number}":
            die()
        yield bytes(100_000)
def tell(now):
    if at == "read back" and now.doing == "reads it back":
        die()
target = target_of(settings, lambda pin: None)
if at == "before it has its name":
    sent = Keeping._sent
    Keeping._sent = lambda *args: (sent(*args), die())
target.put(asked["name"], pieces(), tell)
"""


@dataclass(frozen=True)
class Place:
    settings: TargetSettings
    folder: Path

    def files(self) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in self.folder.iterdir()}


@pytest.fixture(scope="module", params=["directory", "ftp", "ftps", "sftp"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    kind = TargetKind(request.param)
    with ExitStack() as undo:
        if kind is TargetKind.DIRECTORY:
            folder = tmp_path_factory.mktemp("directory")
            yield Place(TargetSettings("nas", kind, folder=str(folder)), folder)
        elif kind is TargetKind.SFTP:
            server = undo.enter_context(sshd())
            yield Place(
                TargetSettings(
                    "nas", kind, "127.0.0.1", server.port, "root", server.secret, str(server.folder)
                ),
                server.folder,
            )
        else:
            tls = kind is TargetKind.FTPS
            found = undo.enter_context(vsftpd(tls=tls))
            pins = refused(ftp(found, tls=True)).hint.split() if tls else []
            yield Place(
                TargetSettings(
                    "nas", kind, "127.0.0.1", found.port, "anonymous", PASSWORD, "/backups",
                    next((word for word in pins if word.startswith("SHA256:")), ""),
                ),
                found.folder,
            )  # fmt: skip


@pytest.mark.parametrize("at", ["piece 0", "piece 1", "piece 17", "read back", "before it has its name"])
def test_killed_while_it_is_carried(place: Place, at: str) -> None:
    for each in place.folder.iterdir():
        each.unlink()
    settings = {**asdict(place.settings), "kind": place.settings.kind.value}
    child = subprocess.run(
        [sys.executable, "-P", "-c", _CHILD], check=False, env=os.environ, capture_output=True, timeout=120,
        input=json.dumps({"settings": settings, "name": OLDER, "at": at}).encode(),
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert set(place.files()) <= {OLDER + ".part"}
    target = target_of(place.settings, lambda _: None)
    assert list(target.names()) == []
    target.put(NAME, PIECES, silent)
    assert place.files() == {NAME: RAW}
