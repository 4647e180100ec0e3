"""What backups rely on of a target: on the fake, a folder, vsftpd (FTP and FTPS), OpenSSH; and what is said
when something is wrong there."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import asyncssh
import pytest

from appliance.targets.directory import DirectoryWay
from appliance.targets.ftp import FtpWay
from appliance.targets.keeping import Keeping
from appliance.targets.ports import Target, TargetError, Way
from appliance.targets.sftp import SftpWay, new_key
from db.backup.progress import Progress, silent
from tests.fakes.file_servers import PASSWORD, FileServer, SshServer, sshd, vsftpd
from tests.fakes.targets import FakeWay

NAME = "callisto-office-20261123-010203Z.zip"
OLDER = "callisto-office-20261122-010203Z.zip"
RAW = bytes(range(256)) * 12_000
PIECES = [RAW[at : at + 100_000] for at in range(0, len(RAW), 100_000)]


@dataclass
class House:
    """`files`: what is there, seen from the other side; `lay`: put there by somebody else."""

    target: Target
    files: Callable[[], dict[str, bytes]]
    lay: Callable[[str, bytes], None]


def ftp(server: FileServer, **other: object) -> FtpWay:
    way = FtpWay("127.0.0.1", server.port, "anonymous", PASSWORD, "/backups", timeout=10)
    return replace(way, **other)


def ftps(server: FileServer, **other: object) -> FtpWay:
    context = ssl.create_default_context(cafile=str(server.certificate))
    return ftp(server, tls=True, context=context, **other)


def sftp(server: SshServer, **other: object) -> SftpWay:
    way = SftpWay("127.0.0.1", server.port, "root", server.secret, str(server.folder), timeout=10)
    return replace(way, **other)


@pytest.fixture(scope="module", params=["fake", "directory", "ftp", "ftps", "sftp"])
def way_and_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Way, Path | None]]:
    with ExitStack() as undo:
        if request.param == "fake":
            yield FakeWay(), None
        elif request.param == "directory":
            folder = tmp_path_factory.mktemp("directory")
            yield DirectoryWay(folder), folder
        elif request.param == "sftp":
            server = undo.enter_context(sshd())
            yield sftp(server), server.folder
        else:
            tls = request.param == "ftps"
            found = undo.enter_context(vsftpd(tls=tls))
            yield (ftps(found) if tls else ftp(found)), found.folder


@pytest.fixture
def house(way_and_folder: tuple[Way, Path | None]) -> House:
    way, folder = way_and_folder
    if isinstance(way, FakeWay):
        way.files.clear()
        return House(Keeping(way), lambda: dict(way.files), way.files.__setitem__)
    assert folder is not None
    for each in folder.iterdir():
        each.unlink()

    def lay(name: str, raw: bytes) -> None:
        (folder / name).write_bytes(raw)
        (folder / name).chmod(0o666)

    return House(Keeping(way), lambda: {each.name: each.read_bytes() for each in folder.iterdir()}, lay)


def test_what_was_put_there_is_there_whole(house: House) -> None:
    told: list[Progress] = []
    stored = house.target.put(NAME, PIECES, told.append)
    assert (stored.size, stored.sha256) == (len(RAW), hashlib.sha256(RAW).hexdigest())
    assert house.files() == {NAME: RAW}
    assert b"".join(house.target.get(NAME)) == RAW
    done = [each.done for each in told]
    assert done == sorted(done)
    assert (done[-1], {each.doing for each in told}) == (2 * len(RAW), {"sends it", "reads it back"})


def test_backups_are_listed_newest_first_and_nothing_else(house: House) -> None:
    assert list(house.target.names()) == []
    for name in (OLDER, NAME, "photo.jpg", NAME + ".part"):
        house.lay(name, b"12345")
    found = house.target.names()
    assert [(each.name, each.size) for each in found] == [(NAME, 5), (OLDER, 5)]
    assert found[0].at == datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


def test_only_backups_are_deleted_or_put_there(house: House) -> None:
    house.lay("photo.jpg", b"12345")
    house.target.put(NAME, PIECES, silent)
    house.target.delete(NAME)
    for attempt in (
        lambda: house.target.delete("photo.jpg"),
        lambda: house.target.delete("../" + NAME),
        lambda: house.target.put("photo.jpg", PIECES, silent),
        lambda: next(house.target.get("photo.jpg")),
    ):
        with pytest.raises(TargetError, match="is no backup of this program") as refused:
            attempt()
        assert refused.value.hint
    assert house.files() == {"photo.jpg": b"12345"}


def test_one_that_is_there_is_not_replaced(house: House) -> None:
    house.target.put(NAME, [b"the first"], silent)
    with pytest.raises(TargetError, match="already"):
        house.target.put(NAME, PIECES, silent)
    assert house.files() == {NAME: b"the first"}


def test_an_upload_that_fails_leaves_nothing(house: House) -> None:
    def broken() -> Iterable[bytes]:
        yield RAW
        raise TargetError("the disk here cannot be read", "change it")

    with pytest.raises(TargetError, match="cannot be read"):
        house.target.put(NAME, broken(), silent)
    assert NAME not in house.files()
    house.target.put(NAME, PIECES, silent)
    assert house.files() == {NAME: RAW}


def test_what_an_upload_left_is_removed_by_the_next_and_that_of_others_stays(house: House) -> None:
    other = "callisto-branch-20261122-010203Z.zip.part"
    for name in (OLDER + ".part", other, "mine.part"):
        house.lay(name, b"12345")
    house.target.put(NAME, PIECES, silent)
    assert set(house.files()) == {NAME, other, "mine.part"}


def test_a_test_says_each_step_and_leaves_nothing(house: House) -> None:
    house.lay(OLDER, b"12345")
    said = list(house.target.test())
    assert len(said) == 4
    assert "is reached" in said[0]
    assert "backups in it: 1" in said[1]
    assert house.files() == {OLDER: b"12345"}


def test_what_is_not_there_is_said(house: House) -> None:
    for attempt in (lambda: house.target.delete(NAME), lambda: list(house.target.get(NAME))):
        with pytest.raises(TargetError) as refused:
            attempt()
        assert refused.value.hint


# What goes wrong


def refused(way: Way) -> TargetError:
    with pytest.raises(TargetError) as found:
        list(Keeping(way).test())
    assert found.value.hint
    return found.value


@pytest.fixture(scope="module")
def ftps_server() -> Iterator[FileServer]:
    with vsftpd(tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def ssh_server() -> Iterator[SshServer]:
    with sshd() as server:
        yield server


def test_a_server_that_alters_what_it_is_given_has_no_backup() -> None:
    way = FakeWay()
    way.rots = True
    with pytest.raises(TargetError, match="not what was sent"):
        Keeping(way).put(NAME, [b"abc"], silent)
    assert way.files == {}


def test_a_server_that_is_full_has_no_backup() -> None:
    way = FakeWay()
    way.room = 10
    with pytest.raises(TargetError, match="full"):
        Keeping(way).put(NAME, PIECES, silent)
    assert way.files == {}


def test_a_folder_that_is_missing_is_not_made(tmp_path: Path) -> None:
    assert "there is no folder" in refused(DirectoryWay(tmp_path / "disk")).message
    assert not (tmp_path / "disk").exists()


def test_a_certificate_that_nobody_signed_is_shown_and_may_be_pinned(ftps_server: FileServer) -> None:
    problem = refused(ftp(ftps_server, tls=True))
    assert "not trusted" in problem.message
    (pin,) = [word for word in problem.hint.split() if word.startswith("SHA256:")]
    said = list(Keeping(ftp(ftps_server, tls=True, pin=pin)).test())
    assert pin in said[0]


def test_another_certificate_than_the_pinned_one_is_refused_before_the_login(
    ftps_server: FileServer,
) -> None:
    problem = refused(ftp(ftps_server, tls=True, pin="SHA256:0000"))
    assert "another certificate" in problem.message
    assert "SHA256:0000 was expected" in problem.message


def test_without_tls_a_server_that_wants_it_refuses(ftps_server: FileServer) -> None:
    assert "127.0.0.1" in refused(ftp(ftps_server)).message


def test_a_wrong_password_and_a_missing_folder_are_said(
    ftps_server: FileServer, ssh_server: SshServer
) -> None:
    assert "refuses" in refused(ftps(ftps_server, password="wrong")).message
    assert "no folder /nowhere" in refused(ftps(ftps_server, folder="/nowhere")).message
    assert "does not let root in" in refused(sftp(ssh_server, secret=new_key()[0])).message
    assert "no folder /nowhere" in refused(sftp(ssh_server, folder="/nowhere")).message


def test_the_key_of_a_server_is_known_from_the_first_time_on(ssh_server: SshServer) -> None:
    seen: list[str] = []
    assert ssh_server.host_key in next(Keeping(sftp(ssh_server, pinned=seen.append)).test())
    assert seen == [ssh_server.host_key]
    list(Keeping(sftp(ssh_server, host_key=seen[0], pinned=seen.append)).test())
    assert len(seen) == 1


def test_another_key_is_refused_with_both(ssh_server: SshServer) -> None:
    problem = refused(sftp(ssh_server, host_key="SHA256:another"))
    assert ssh_server.host_key in problem.message
    assert "SHA256:another was known" in problem.message


def test_whom_the_server_does_not_let_in_has_not_pinned_it(ssh_server: SshServer) -> None:
    seen: list[str] = []
    refused(sftp(ssh_server, secret=new_key()[0], pinned=seen.append))
    assert seen == []


def test_where_nobody_listens_and_where_nobody_answers_is_said(free_port: int) -> None:
    for way in (FtpWay, SftpWay):
        assert f"port {free_port}" in refused(way("127.0.0.1", free_port, "anna", "secret")).message
        assert "no address" in refused(way("nowhere.invalid", 1, "anna", "secret")).message


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent_one:
        port = silent_one.getsockname()[1]
        for way in (
            FtpWay("127.0.0.1", port, "anna", "secret", timeout=0.3),
            SftpWay("127.0.0.1", port, "anna", "secret", timeout=0.3),
        ):
            assert "does not answer within 0.3 s" in refused(way).message


class Passwords(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("anna", PASSWORD)


@pytest.fixture
def password_server(tmp_path: Path) -> Iterator[int]:
    """A server of SFTP, in a thread of its own, that asks for a password."""
    found: list[int] = []
    ready, end = Event(), Event()

    async def serve() -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        root = str(tmp_path).encode()
        server = await asyncssh.create_server(
            Passwords, "127.0.0.1", 0, server_host_keys=[key],
            sftp_factory=lambda chan: asyncssh.SFTPServer(chan, chroot=root),
        )  # fmt: skip
        found.append(server.get_port())
        ready.set()
        await asyncio.to_thread(end.wait)
        server.close()
        await server.wait_closed()

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield found[0]
    end.set()
    thread.join()


def test_a_password_is_as_good_as_a_key(password_server: int, tmp_path: Path) -> None:
    way = SftpWay("127.0.0.1", password_server, "anna", PASSWORD, timeout=10)
    assert Keeping(way).put(NAME, PIECES, silent).size == len(RAW)
    assert (tmp_path / NAME).read_bytes() == RAW
    assert "does not let anna in" in refused(replace(way, secret="wrong")).message


def test_no_secret_is_shown() -> None:
    for way in (FtpWay, SftpWay):
        shown = way("192.0.2.1", 21, "anna", "hunter2", "/backups")
        assert "hunter2" not in f"{shown!r} {shown.words}"
