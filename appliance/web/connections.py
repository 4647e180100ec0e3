"""Connections that waste nobody's time: uvicorn's HTTP/1.1 with deadlines, few from one address."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """`head_within_s`: from the first moment a request may come, or its first byte, to the end of its head.
    `idle_s`: how long a connection is kept between two requests."""

    connections: int = 256
    per_address: int = 64
    head_within_s: float = 10.0
    head_bytes: int = 16384
    idle_s: int = 15
    finish_within_s: int = 2
    """For requests under way when the service stops."""


class Config(uvicorn.Config):
    """uvicorn's settings, with our limits for the protocol to read."""

    def __init__(self, app: Any, limits: Limits) -> None:
        super().__init__(
            app,
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=limits.connections,
            timeout_keep_alive=limits.idle_s,
            timeout_graceful_shutdown=limits.finish_within_s,
            h11_max_incomplete_event_size=limits.head_bytes,
        )
        self.limits = limits


class PatientProtocol(H11Protocol):
    """But not for ever: uvicorn alone waits without end for a head that comes byte by byte."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        assert isinstance(self.config, Config)
        self._limits = self.config.limits
        if self._from_the_same_address() > self._limits.per_address:
            log.warning("too many connections from %s", self.client[0] if self.client else "?")
            transport.abort()
            return
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waits_for_a_head():
            self._expect_head()
        else:
            self._forget_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _waits_for_a_head(self) -> bool:
        cycle: RequestResponseCycle | None = (
            self.cycle
        )  # None before the first request, whatever its type says
        return cycle is None or cycle.response_complete

    def _expect_head(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self._limits.head_within_s, self._too_slow)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self.transport.abort()

    def _from_the_same_address(self) -> int:
        if self.client is None:
            return 0
        return sum(
            1
            for other in self.connections
            if isinstance(other, PatientProtocol) and other.client and other.client[0] == self.client[0]
        )
