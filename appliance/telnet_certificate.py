"""The certificate of Telnet or the web over TLS: supplied, or made at the first start; used as its files are
now."""

from __future__ import annotations

import asyncio
import logging
import platform
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from appliance import network
from appliance.certificates import CertificateError, blocks, first_to_end, read
from appliance.config import Config
from appliance.logs import Trouble
from shell.telnet.tls import server_context

log = logging.getLogger(__name__)

DAYS = 3650
"""How long one that we make is valid. It is trusted by its fingerprint, which should not change often."""
RENEW = timedelta(days=60)
LOOK_EVERY_S = 5.0

Make = Callable[[Path, Path], None]
Stamp = tuple[tuple[int, int, int], ...]


class TelnetCertificate:
    """`make` writes a new one; None: it is supplied, and never touched. Made by `of`."""

    def __init__(
        self,
        certificate: Path,
        key: Path,
        make: Make | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        whose: str = "Telnet",
    ) -> None:
        self._whose = whose
        self._certificate = certificate
        self._key = key
        self._make = make
        self._clock = clock
        self._context: ssl.SSLContext | None = None
        self._stamp: Stamp = ()
        self._trouble = Trouble(log, f"certificate {certificate}")
        self._fingerprint = ""
        self._ends: datetime | None = None

    @classmethod
    def of(cls, config: Config) -> TelnetCertificate:
        certificate, key = config.telnet_certificate
        own = config.telnet_tls_certificate is None
        return cls(certificate, key, (lambda c, k: _make(c, k, config.listen)) if own else None)

    @classmethod
    def of_web(cls, config: Config) -> TelnetCertificate:
        certificate, key = config.web_certificate
        own = config.web_tls_certificate is None
        make = (lambda c, k: _make(c, k, config.listen)) if own else None
        return cls(certificate, key, make, whose="the web")

    def context(self) -> ssl.SSLContext:
        """For the next connection. Raises ValueError while there is none."""
        if self._context is None:
            raise ValueError("there is no certificate")
        return self._context

    def facts(self) -> dict[str, object]:
        """For the status. `tls_problem`: why files that have changed are not used."""
        found: dict[str, object] = {
            "tls_fingerprint": self._fingerprint,
            "tls_ends": self._ends.isoformat() if self._ends else None,
            "tls_own": self._make is not None,
        }
        return {**found, "tls_problem": self._trouble.text} if self._trouble.text else found

    def look(self) -> None:
        """Use the files if they have changed; make new ones if they are ours to make and it is time. Never
        raises: what was used before stays in use. Blocks for a moment."""
        try:
            if self._make is not None and self._is_due():
                log.info("making a certificate for %s over TLS: %s", self._whose, self._certificate)
                self._make(self._certificate, self._key)
            stamp = self._files()
            if stamp != self._stamp:
                self._stamp = stamp
                self._load()
        except (OSError, ValueError, ImportError) as exc:
            self._trouble.is_(f"it cannot be used: {exc.strerror if type(exc) is OSError else exc}")

    async def watch(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.look)

    def _load(self) -> None:
        context = server_context(self._certificate, self._key)
        pem = self._certificate.read_bytes()
        der = next(blocks(pem))
        self._context, self._ends = context, first_to_end(pem).ends
        self._fingerprint = fingerprint(der)
        self._trouble.over()
        shown = self._fingerprint, self._ends.date()
        log.info("certificate of %s over TLS: SHA-256 %s, until %s", self._whose, *shown)

    def _files(self) -> Stamp:
        return _stamp(self._certificate), _stamp(self._key)

    def _is_due(self) -> bool:
        try:
            if self._ends is not None and self._files() == self._stamp:
                return self._ends - self._clock() < RENEW
            server_context(self._certificate, self._key)
            ends = read(next(blocks(self._certificate.read_bytes()))).ends
        except (OSError, ValueError, CertificateError, StopIteration):
            return True
        return ends - self._clock() < RENEW


def fingerprint(der: bytes) -> str:
    """SHA-256 as `openssl x509 -fingerprint -sha256` shows it."""
    digits = sha256(der).hexdigest().upper()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _make(certificate: Path, key: Path, listen: str) -> None:
    # Thirteen megabytes that a process should not carry for what it does once in ten years.
    from appliance.making_certificates import make

    names, addresses = own_names(), own_addresses(listen)
    make(certificate, key, names=names, addresses=addresses, now=datetime.now(UTC), days=DAYS)


def own_names() -> tuple[str, ...]:
    """Of this machine; names that no certificate can carry are left out."""
    node = platform.node().lower()
    known = node if re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", node) else "callisto"
    return tuple(dict.fromkeys((known, "localhost")))


def own_addresses(listen: str) -> tuple[str, ...]:
    """Where this machine listens; on every address, all that it has now."""
    if not ip_address(listen).is_unspecified:
        return (listen,)
    return tuple(dict.fromkeys(address for link in network.links() for address in link.addresses))


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
