"""SIP over TLS: certificates from files, and the pipe that encrypts."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE

from router.sip.flows import NetworkError

_RECORD = 16384


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files. `certificate`: ours, followed by those that vouch for it; `key`: without a passphrase.

    `ca`: who vouches for far ends. With it, every far end we connect to must prove its name (Network.flow);
    without, what is said is encrypted, but whoever answers at that address is believed.
    `verify_clients`: whoever connects to us must show a certificate of `ca`, too.
    """

    certificate: Path
    key: Path
    ca: Path | None = None
    verify_clients: bool = False


class Tls:
    """TLS 1.2 or newer, as server and as client, with the same certificate."""

    def __init__(self, files: TlsFiles) -> None:
        """See `use`."""
        self.use(files)

    def use(self, files: TlsFiles) -> None:
        """From now on. Raise NetworkError, naming the file, if one cannot be used: the old ones stay."""
        if files.verify_clients and files.ca is None:
            raise NetworkError("clients cannot be verified without a CA file", "name the CA file")
        server = _context(ssl.PROTOCOL_TLS_SERVER, files)
        server.verify_mode = ssl.CERT_REQUIRED if files.verify_clients else ssl.CERT_NONE
        client = _context(ssl.PROTOCOL_TLS_CLIENT, files)
        if files.ca is None:
            client.check_hostname = False
            client.verify_mode = ssl.CERT_NONE
        self._server, self._client = server, client

    @property
    def asks_for_proof(self) -> bool:
        """Far ends we connect to must prove their name."""
        return self._client.verify_mode is ssl.CERT_REQUIRED

    def accepted(self, connection: socket.socket) -> TlsPipe:
        return TlsPipe(connection, partial(self._server.wrap_socket, server_side=True))

    def towards(self, name: str) -> Callable[[socket.socket], TlsPipe]:
        """Pipes to a far end that must prove to be `name`, a host name or a literal address."""
        wrap = partial(self._client.wrap_socket, server_hostname=name)
        return lambda connection: TlsPipe(connection, wrap)


class TlsPipe:
    """A pipe.Pipe. The connection may still be under way; the handshake begins with the first `shake`."""

    __slots__ = ("_connection", "_tls", "_wrap")

    def __init__(self, connection: socket.socket, wrap: Callable[..., ssl.SSLSocket]) -> None:
        self._connection = connection
        self._wrap = wrap
        self._tls: ssl.SSLSocket | None = None

    def shake(self) -> int:
        try:
            if self._tls is None:
                self._tls = self._wrap(self._connection, do_handshake_on_connect=False)
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return EVENT_READ
        except ssl.SSLWantWriteError:
            return EVENT_WRITE
        return 0

    def read(self, size: int) -> bytes | None:
        assert self._tls is not None
        try:
            return self._tls.recv(size)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def write(self, data: bytearray) -> int:
        assert self._tls is not None
        # What OpenSSL has begun to write must come again, not shorter (SSL_write(3)): the queue only grows.
        with memoryview(data) as all_of_it, all_of_it[:_RECORD] as record:
            try:
                return self._tls.send(record)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return 0

    def close(self) -> None:
        if self._tls is None:
            self._connection.close()
            return
        with suppress(OSError, ValueError):
            self._tls.unwrap()  # close_notify; no far end is waited for
        self._tls.close()


def _context(protocol: int, files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    for file in (files.certificate, files.key, files.ca):
        if file is not None and not file.is_file():
            raise NetworkError(f"no file {file}", "name PEM files that the router may read")
    try:
        # Without a password given OpenSSL would ask for it on the terminal, and wait.
        context.load_cert_chain(files.certificate, files.key, password=str)
        if files.ca is not None:
            context.load_verify_locations(files.ca)
    except OSError as exc:
        raise NetworkError(
            f"certificate {files.certificate} with key {files.key} cannot be used: {exc.strerror or exc}",
            "both must be PEM, belong together, and the key must have no passphrase",
        ) from exc
    return context
