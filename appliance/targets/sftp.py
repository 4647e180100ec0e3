"""Servers of SFTP. Their key is known from the first time on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from socket import gaierror
from typing import Any, TypeVar

import asyncssh

from appliance.targets.ports import TIMEOUT, Place, TargetError

T = TypeVar("T")
CHUNK = 1 << 20
PORT = 22


def _nobody(_: str) -> None:
    return


@dataclass(slots=True)
class SftpWay:
    """`secret`: a password, or a private key in OpenSSH's form. `host_key`: the fingerprint that is expected;
    empty: any, which `pinned` is then told when the login has gone well."""

    host: str
    port: int
    user: str
    secret: str = field(repr=False)
    folder: str = ""
    host_key: str = ""
    pinned: Callable[[str], None] = _nobody
    timeout: float = TIMEOUT
    _seen: str = ""

    @property
    def words(self) -> str:
        return f"sftp://{self.user}@{self.host}:{self.port}/{self.folder.lstrip('/')}"

    @contextmanager
    def open(self) -> Iterator[Place]:
        with asyncio.Runner() as runner:
            within = _Within(runner, self)
            connected = self._connected()
            sftp = within(connected.__aenter__())
            try:
                if not self.host_key:
                    self.pinned(self._seen)
                if self.folder and not within(sftp.isdir(self.folder)):
                    raise TargetError(
                        f"{self.host} has no folder {self.folder} for {self.user}",
                        "make it there, or name another",
                    )
                yield _Sftp(within, sftp, self.folder)
            finally:
                with suppress(TargetError):
                    within(connected.__aexit__(None, None, None))

    def trusted(self) -> str:
        return f"its key {self._seen}"

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncssh.SFTPClient]:
        key = self.secret.lstrip().startswith("-----BEGIN")
        how: dict[str, Any] = (
            {"client_keys": [asyncssh.import_private_key(self.secret)], "preferred_auth": "publickey"}
            if key
            else {
                "client_keys": None,
                "password": self.secret,
                "preferred_auth": "password,keyboard-interactive",
            }
        )
        way = self

        class Known(asyncssh.SSHClient):
            def validate_host_public_key(self, *where_and_key: Any) -> bool:
                key: asyncssh.SSHKey = where_and_key[-1]
                way._seen = key.get_fingerprint()
                return way.host_key in ("", way._seen)

        async with (
            asyncssh.connect(
                self.host, self.port, username=self.user, client_factory=Known, config=None,
                known_hosts=([], [], []), agent_path=None, connect_timeout=self.timeout,
                login_timeout=self.timeout, keepalive_interval=self.timeout / 3, **how,
            ) as connection,
            connection.start_sftp_client() as sftp,
        ):  # fmt: skip
            yield sftp


class _Within:
    """Does what takes time in a loop of this thread, and says what has gone wrong."""

    def __init__(self, runner: asyncio.Runner, way: SftpWay) -> None:
        self._runner = runner
        self._way = way

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        way = self._way
        try:
            return self._runner.run(self._limited(work))
        except asyncssh.HostKeyNotVerifiable as exc:
            raise TargetError(
                f"{way.host} has another key: {way._seen}, and {way.host_key} was known",
                "ask its owner; if it was set up anew, forget the old key: target set NAME pin none",
            ) from exc
        except asyncssh.PermissionDenied as exc:
            raise TargetError(
                f"{way.host} does not let {way.user} in", "look at the user and at the password or the key"
            ) from exc
        except asyncssh.SFTPError as exc:
            raise TargetError(
                f"{way.host}: {exc.reason}", "look at the folder, its room and the rights there"
            ) from exc
        except TimeoutError as exc:
            raise TargetError(
                f"{way.host}, port {way.port}, does not answer within {way.timeout:g} s",
                "look if it runs, and if a firewall is between",
            ) from exc
        except gaierror as exc:
            raise TargetError(f"{way.host} has no address: {exc.strerror}", "look at the name") from exc
        except (asyncssh.Error, OSError, ValueError) as exc:
            raise TargetError(
                f"{way.host}, port {way.port}: {str(exc) or type(exc).__name__}",
                "look if it runs, and what its log says",
            ) from exc

    async def _limited(self, work: Coroutine[Any, Any, T]) -> T:
        async with asyncio.timeout(self._way.timeout):
            return await work


class _Sftp:
    def __init__(self, within: _Within, sftp: asyncssh.SFTPClient, folder: str) -> None:
        self._within = within
        self._sftp = sftp
        self._folder = folder.rstrip("/")

    def names(self) -> Iterable[str]:
        return [str(each) for each in self._within(self._sftp.listdir(self._folder or "."))]

    def size(self, name: str) -> int:
        return self._within(self._sftp.getsize(self._path(name))) or 0

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        file = self._within(self._opened(name, "wb"))
        try:
            for chunk in gathered(chunks):
                self._within(file.write(chunk))
        finally:
            self._within(file.close())

    def read(self, name: str) -> Iterator[bytes]:
        file = self._within(self._opened(name, "rb"))
        try:
            while chunk := self._within(file.read(CHUNK)):
                yield bytes(chunk)
        finally:
            with suppress(TargetError):
                self._within(file.close())

    def rename(self, old: str, new: str) -> None:
        self._within(self._sftp.rename(self._path(old), self._path(new)))

    def remove(self, name: str) -> None:
        self._within(self._sftp.remove(self._path(name)))

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}" if self._folder else name

    async def _opened(self, name: str, mode: str) -> Any:
        return await self._sftp.open(self._path(name), mode)


def gathered(chunks: Iterable[bytes], size: int = CHUNK) -> Iterator[bytes]:
    """The same in larger pieces: parts of one piece are under way at once."""
    whole = bytearray()
    for chunk in chunks:
        whole += chunk
        if len(whole) >= size:
            yield bytes(whole)
            whole.clear()
    if whole:
        yield bytes(whole)


def new_key() -> tuple[str, str]:
    """A private key, and the line for the server's authorized_keys."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment="callisto-backup")
    return key.export_private_key().decode(), key.export_public_key().decode().strip()
