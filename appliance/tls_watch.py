"""The router's certificate: files that are replaced while it runs are used for the next connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.logs import Trouble
from router.sip.net import NetworkError
from router.sip.tls import TlsFiles

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 5.0

Stamps = tuple[tuple[int, int, int] | None, ...]


class TlsWatch:
    """Call `turn` from the loop. `use` takes the files, or raises NetworkError and keeps the old ones."""

    def __init__(self, files: TlsFiles | None, use: Callable[[TlsFiles], None]) -> None:
        self._files = files
        self._use = use
        self._next = 0.0
        self._used = self._stamps()
        self._trouble = Trouble(log, "the new certificate is not used")

    def turn(self, now: float) -> None:
        """`now`: monotonic seconds."""
        if self._files is None or now < self._next:
            return
        self._next = now + LOOK_EVERY
        stamps = self._stamps()
        if stamps == self._used:
            return
        try:
            self._use(self._files)
        except NetworkError as exc:
            # Certificate and key are replaced one after the other: it may be the moment between.
            self._trouble.is_(str(exc))
            return
        self._used = stamps
        self._trouble.over()
        log.info("the certificate of TLS has changed: %s", self._files.certificate)

    def _stamps(self) -> Stamps:
        files = self._files
        return () if files is None else tuple(map(_stamp, (files.certificate, files.key, files.ca)))


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    """Another one after each replacement; None without such a file."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None
