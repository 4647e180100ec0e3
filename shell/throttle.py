"""How long a guesser waits: failed logins counted by address, and all together. The clock is an argument."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from ipaddress import ip_address


@dataclass(frozen=True, slots=True)
class Policy:
    """`free` failures cost nothing; then an address waits 1, 2, 4 … `longest_s` seconds after each. When more
    than `global_failures` were counted in the last minute, everybody who has not logged in from his address
    before is answered `global_delay_s` later."""

    free: int = 3
    longest_s: float = 300.0
    forget_s: float = 3600.0
    """An address without failures for this long begins anew."""
    global_failures: int = 20
    global_delay_s: float = 3.0
    addresses: int = 4096
    """How many addresses are remembered; the one that failed longest ago is forgotten first."""
    exempt_loopback: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wait_s` > 0: refuse without looking at the password. Else look at it after `delay_s`."""

    wait_s: float = 0.0
    delay_s: float = 0.0


@dataclass(slots=True)
class _Record:
    failures: int = 0
    last: float = 0.0


@dataclass(slots=True)
class Throttle:
    """Times are monotonic seconds. Every attempt counts as failed from its begin until it succeeds, so that
    guesses made at the same moment do not all pass as the first."""

    policy: Policy = Policy()
    _records: OrderedDict[str, _Record] = field(default_factory=OrderedDict)
    _recent: deque[float] = field(default_factory=deque)
    _welcome: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def attempt(self, address: str, now: float) -> Verdict:
        """A name and a password have come from `address`. A refused attempt does not lengthen the wait."""
        if self._exempt(address):
            return Verdict()
        record = self._records.get(address)
        if record is None or now - record.last >= self.policy.forget_s:
            record = _Record()
        wait = record.last + wait_after(record.failures, self.policy) - now
        if record.failures and wait > 0:
            return Verdict(wait_s=wait)
        record.failures += 1
        record.last = now
        self._records[address] = record
        self._records.move_to_end(address)
        while len(self._records) > self.policy.addresses:
            self._records.popitem(last=False)
        return Verdict(delay_s=self._delay(address, now))

    def succeeded(self, address: str) -> None:
        if self._exempt(address):
            return
        self._records.pop(address, None)
        if self._recent:
            self._recent.pop()
        self._welcome[address] = None
        self._welcome.move_to_end(address)
        while len(self._welcome) > self.policy.addresses:
            self._welcome.popitem(last=False)

    def withdrawn(self, address: str) -> None:
        """The attempt could not be looked at, through no fault of the client: it never was."""
        record = self._records.get(address)
        if record is not None and not self._exempt(address):
            record.failures -= 1
            if record.failures <= 0:
                del self._records[address]

    def _delay(self, address: str, now: float) -> float:
        while self._recent and now - self._recent[0] >= 60:
            self._recent.popleft()
        crowded = len(self._recent) >= self.policy.global_failures
        self._recent.append(now)
        if len(self._recent) > 2 * self.policy.global_failures:
            self._recent.popleft()
        return self.policy.global_delay_s if crowded and address not in self._welcome else 0.0

    def _exempt(self, address: str) -> bool:
        if not self.policy.exempt_loopback:
            return False
        try:
            return ip_address(address).is_loopback
        except ValueError:
            return False


def wait_after(failures: int, policy: Policy) -> float:
    """Seconds from the last failure until the next attempt is looked at."""
    if failures < policy.free:
        return 0.0
    return float(min(policy.longest_s, 2.0 ** min(failures - policy.free, 30)))
