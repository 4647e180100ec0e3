"""Servers of FTP and of FTPS: explicit TLS, on both connections."""

from __future__ import annotations

import ftplib
import hashlib
import ssl
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from socket import gaierror, socket
from typing import Any

from appliance.targets.ports import TIMEOUT, Place, TargetError

CHUNK = 1 << 18
PORT = 21


@dataclass(slots=True)
class FtpWay:
    """`pin`: the SHA-256 of the server's certificate, where no authority has signed it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = ""
    tls: bool = False
    pin: str = ""
    timeout: float = TIMEOUT
    context: ssl.SSLContext | None = None
    """Whom to trust without a pin; None: the authorities that the machine trusts."""
    _trusted: str = ""

    @property
    def words(self) -> str:
        return (
            f"{'ftps' if self.tls else 'ftp'}://{self.user}@{self.host}:{self.port}/{self.folder.lstrip('/')}"
        )

    @contextmanager
    def open(self) -> Iterator[Place]:
        with self._told():
            server: ftplib.FTP = _Tls(context=self._context()) if self.tls else ftplib.FTP()
        with closing(server):
            with self._told():
                server.connect(self.host, self.port, self.timeout)
                if isinstance(server, _Tls):
                    self._secure(server)
                server.login(self.user, self.password)
                if isinstance(server, _Tls):
                    server.prot_p()
                server.voidcmd("TYPE I")
            self._enter(server)
            yield _Ftp(self, server)
            with suppress(*ftplib.all_errors):
                server.quit()

    def trusted(self) -> str:
        return self._trusted

    def _context(self) -> ssl.SSLContext:
        if not self.pin:
            return self.context or ssl.create_default_context()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def _secure(self, server: _Tls) -> None:
        try:
            server.auth()
        except ssl.SSLCertVerificationError as exc:
            raise TargetError(
                f"{self.host}: its certificate is not trusted: {exc.verify_message}",
                f"if its owner says that it is right: target set NAME pin {self._shown()}",
            ) from exc
        seen = fingerprint(server.sock)
        if self.pin and seen != self.pin:
            raise TargetError(
                f"{self.host} has another certificate: {seen}, and {self.pin} was expected",
                f"ask its owner; if it was renewed: target set NAME pin {seen}",
            )
        self._trusted = f"its certificate {seen}"

    def _shown(self) -> str:
        """What the certificate is that is not trusted: nothing is said to the server but hello."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with suppress(*ftplib.all_errors), closing(_Tls(context=context)) as server:
            server.connect(self.host, self.port, self.timeout)
            server.auth()
            return fingerprint(server.sock)
        return "its SHA-256"

    def _enter(self, server: ftplib.FTP) -> None:
        if not self.folder:
            return
        try:
            server.cwd(self.folder)
        except ftplib.error_perm as exc:
            raise TargetError(
                f"{self.host} has no folder {self.folder} for {self.user}: {exc}",
                "make it there, or name another",
            ) from exc

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except TargetError:
            raise
        except ftplib.error_perm as exc:
            hint = "look at the user, the password and the rights there"
            raise TargetError(f"{self.host} refuses: {exc}", hint) from exc
        except TimeoutError as exc:
            raise TargetError(
                f"{self.host}, port {self.port}, does not answer within {self.timeout:g} s",
                "look if it runs, and if a firewall is between",
            ) from exc
        except gaierror as exc:
            raise TargetError(f"{self.host} has no address: {exc.strerror}", "look at the name") from exc
        except (ftplib.Error, OSError, EOFError, ValueError) as exc:
            raise TargetError(
                f"{self.host}, port {self.port}: {str(exc) or type(exc).__name__}",
                "look if it runs, and what its log says",
            ) from exc


class _Tls(ftplib.FTP_TLS):
    """Servers want to see the session of the first connection on the second."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket, int | None]:
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        first = self.sock
        if not isinstance(first, ssl.SSLSocket):
            raise TargetError("the connection is not encrypted", "try again")
        try:
            second = self.context.wrap_socket(plain, server_hostname=self.host, session=first.session)
        except BaseException:
            plain.close()
            raise
        if not second.session_reused and fingerprint(second) != fingerprint(first):
            second.close()
            raise TargetError(f"{self.host} has two certificates", "ask its owner; nothing was sent")
        return second, size


class _Ftp:
    def __init__(self, way: FtpWay, server: ftplib.FTP) -> None:
        self._told = way._told
        self._server = server

    def names(self) -> Iterable[str]:
        with self._told():
            try:
                return [each.rpartition("/")[2] for each in self._server.nlst()]
            except ftplib.error_perm as exc:
                if str(exc).startswith("550"):  # so say some of an empty folder
                    return []
                raise

    def size(self, name: str) -> int:
        with self._told():
            return self._server.size(name) or 0

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        with self._told():
            data = self._server.transfercmd(f"STOR {name}")
            try:
                with closing(data):
                    for chunk in chunks:
                        data.sendall(chunk)
                    if isinstance(data, ssl.SSLSocket):
                        data.unwrap()
            except BaseException:
                # The server answers the end of the data, whatever it was: unread, that answer would be
                # taken for the one to the next command.
                with suppress(*ftplib.all_errors):
                    self._server.voidresp()
                raise
            self._server.voidresp()

    def read(self, name: str) -> Iterator[bytes]:
        with self._told():
            with closing(self._server.transfercmd(f"RETR {name}")) as data:
                while chunk := data.recv(CHUNK):
                    yield chunk
            self._server.voidresp()

    def rename(self, old: str, new: str) -> None:
        with self._told():
            self._server.rename(old, new)

    def remove(self, name: str) -> None:
        with self._told():
            self._server.delete(name)


def fingerprint(connection: Any) -> str:
    """`SHA256:` and the hash of the certificate, as 64 digits."""
    certificate = connection.getpeercert(binary_form=True) or b""
    return f"SHA256:{hashlib.sha256(certificate).hexdigest()}"
