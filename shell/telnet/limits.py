"""How much one server takes from all clients, from an address, from a connection; and who may come in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from shell.telnet.networks import Networks


@dataclass(frozen=True, slots=True)
class Limits:
    """In the order in which a connection meets them."""

    sessions: int = 64
    per_address: int = 8
    unauthenticated: int = 16
    handshakes: int = 32
    """TLS handshakes at the same time."""
    handshakes_per_address: int = 4
    handshake_s: float = 5.0
    negotiation_s: float = 1.0
    """How long a client that answers no option waits for the login prompt."""
    login_s: float = 60.0
    tries: int = 3
    option_bytes_s: int = 4096
    """Bytes of Telnet commands a second, and at once."""
    subnegotiation: int = 2048
    line: int = 1024
    input_buffer: int = 4096
    send_buffer: int = 64 * 1024
    """The kernel's share of what a client has not read."""
    write_buffer: int = 512 * 1024
    stall_s: float = 60.0
    """How long a client may leave a full screen unread before it is cut off."""
    rich: int = 16
    idle_s: float = 15 * 60.0
    """Without a key pressed; Telnet's keep-alives do not count. 0: for ever."""
    farewell_s: float = 5.0
    """How long the last words may take to reach a client that reads slowly."""


@dataclass(slots=True)
class Door:
    """Counts who is inside. Every `enter` that returned None has one `leave`."""

    limits: Limits
    networks: Networks = field(default_factory=Networks)
    unauthenticated: int = 0
    rich: int = 0
    accepted: int = 0
    refused: int = 0
    outside: int = 0
    """Refused for where they came from."""
    handshakes_failed: int = 0
    peak: int = 0
    _addresses: Counter[str] = field(default_factory=Counter)
    _handshakes: Counter[str] = field(default_factory=Counter)

    @property
    def inside(self) -> int:
        return self._addresses.total()

    def enter(self, address: str) -> str | None:
        """None, or the reason why this connection is refused."""
        reason = self._refusal(address)
        if reason is not None:
            self._count_refused(address)
            return reason
        self._addresses[address] += 1
        self.unauthenticated += 1
        self.accepted += 1
        self.peak = max(self.peak, self.inside)
        return None

    def knock(self, address: str) -> str | None:
        """None if this client may shake hands, or the reason why not. Every None has one `shaken`."""
        reason = self._refusal(address)
        if reason is None and self._handshakes.total() >= self.limits.handshakes:
            reason = "Too many TLS handshakes at the same time."
        if reason is None and self._handshakes[address] >= self.limits.handshakes_per_address:
            reason = "Too many TLS handshakes from your address."
        if reason is not None:
            self._count_refused(address)
            return reason
        self._handshakes[address] += 1
        return None

    def shaken(self, address: str, *, done: bool) -> None:
        self._handshakes[address] -= 1
        if self._handshakes[address] <= 0:
            del self._handshakes[address]
        if not done:
            self.handshakes_failed += 1

    def leave(self, address: str, *, authenticated: bool) -> None:
        self._addresses[address] -= 1
        if self._addresses[address] <= 0:
            del self._addresses[address]
        if not authenticated:
            self.unauthenticated -= 1

    def authenticated(self) -> None:
        """One of those inside has logged in."""
        self.unauthenticated -= 1

    def take_rich(self) -> bool:
        if self.rich >= self.limits.rich:
            return False
        self.rich += 1
        return True

    def give_rich(self) -> None:
        self.rich -= 1

    def facts(self) -> dict[str, int]:
        """For System Information."""
        return {
            "sessions": self.inside,
            "logged_in": self.inside - self.unauthenticated,
            "rich": self.rich,
            "limit": self.limits.sessions,
            "peak": self.peak,
            "accepted": self.accepted,
            "refused": self.refused,
            "outside": self.outside,
            "handshakes_failed": self.handshakes_failed,
        }

    def _count_refused(self, address: str) -> None:
        self.refused += 1
        if address not in self.networks:
            self.outside += 1

    def _refusal(self, address: str) -> str | None:
        if address not in self.networks:
            return "Connections from your address are not allowed here."
        if self.inside >= self.limits.sessions:
            return f"Too many sessions (the limit is {self.limits.sessions}). Try again later."
        if self._addresses[address] >= self.limits.per_address:
            return f"Too many sessions from your address (the limit is {self.limits.per_address})."
        if self.unauthenticated >= self.limits.unauthenticated:
            return "Too many logins at the same time. Try again in a minute."
        return None
