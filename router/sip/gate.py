"""Who may speak to us, and how often a stranger is told that he may not. Pure: time is an argument."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

ANY = "any"
"""In place of a network: everybody may."""
_REMEMBERED = 4096


class Verdict(Enum):
    ADMIT = auto()
    REFUSE = auto()
    """Answer 403, if `Gate.fits` agrees."""
    DROP = auto()
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Refusals: of `burst` one source has at once, then `per_second`; and the same for all sources together.

    In any t seconds a source is refused at most burst + t * per_second times, however many others there are:
    of `sources` remembered ones the oldest leaves, and that many refusals are not given within the time in
    which a source regains its burst.
    """

    burst: int = 3
    per_second: float = 1.0
    burst_of_all: int = 100
    per_second_of_all: float = 50.0
    sources: int = 4096

    def __post_init__(self) -> None:
        """Raise ValueError if the oldest source could leave before it has regained its burst."""
        if min(self.burst, self.burst_of_all) < 1 or min(self.per_second, self.per_second_of_all) <= 0:
            raise ValueError("a gate that never refuses has no limits")
        regained_s = self.burst / self.per_second
        if self.sources <= self.burst_of_all + self.per_second_of_all * regained_s:
            raise ValueError("too few sources are remembered for that many refusals")


class Gate:
    """Judges sources by their address. An attacker who forges sources neither fills the memory nor turns the
    answers into a flood: they are fewer than the requests and, by `fits`, never longer."""

    def __init__(
        self, networks: Iterable[str], peers: Iterable[str] = (), limits: Limits | None = None
    ) -> None:
        """See `use`."""
        self._limits = limits or Limits()
        self._all = _Bucket(self._limits.burst_of_all)
        self._sources: dict[str, _Bucket] = {}
        """In the order of their latest refusals."""
        self._refused = self._dropped = 0
        self.use(networks, peers)

    def use(self, networks: Iterable[str], peers: Iterable[str] = ()) -> None:
        """From now on admit these: networks as `10.1.0.0/16` or `any`, peers as literal addresses.

        Raise ValueError for anything else; the old ones stay.
        """
        listed = tuple(networks)
        admitted = [
            ipaddress.ip_network(network, strict=False) for network in (*listed, *peers) if network != ANY
        ]
        self._everybody = ANY in listed
        self._networks = [(net.version, int(net.netmask), int(net.network_address)) for net in admitted]
        self._admitted: dict[str, None] = {}

    def judge(self, source: str, now: float) -> Verdict:
        """`source`: a literal address; `now`: seconds of a clock that does not go back."""
        if source in self._admitted or self._admits(source):
            return Verdict.ADMIT
        if self._may_refuse(source, now):
            self._refused += 1
            return Verdict.REFUSE
        self._dropped += 1
        return Verdict.DROP

    def fits(self, asked: int, answer: int) -> bool:
        """Whether a refusal of `answer` bytes may answer a request of `asked`; else it counts as dropped."""
        if answer <= asked:
            return True
        self._refused -= 1
        self._dropped += 1
        return False

    def facts(self) -> dict[str, int]:
        """Requests `refused` with an answer and `dropped` without, since the start; `sources` remembered."""
        return {"refused": self._refused, "dropped": self._dropped, "sources": len(self._sources)}

    def _admits(self, source: str) -> bool:
        address = ipaddress.ip_address(source.partition("%")[0])
        version, number = address.version, int(address)
        if not self._everybody and not any(
            version == of and number & mask == network for of, mask, network in self._networks
        ):
            return False
        if len(self._admitted) >= _REMEMBERED:
            self._admitted.clear()
        self._admitted[source] = None
        return True

    def _may_refuse(self, source: str, now: float) -> bool:
        limits = self._limits
        if not self._all.full_enough(now, limits.burst_of_all, limits.per_second_of_all):
            return False
        block = _block(source)
        bucket = self._sources.get(block)
        if bucket is None:
            if len(self._sources) >= limits.sources:
                del self._sources[next(iter(self._sources))]
            bucket = _Bucket(limits.burst)
        elif bucket.full_enough(now, limits.burst, limits.per_second):
            del self._sources[block]
        else:
            return False
        self._sources[block] = bucket
        bucket.take(now)
        self._all.take(now)
        return True


class _Bucket:
    __slots__ = ("_at", "_tokens")

    def __init__(self, tokens: int) -> None:
        self._tokens = float(tokens)
        self._at: float | None = None

    def full_enough(self, now: float, burst: int, per_second: float) -> bool:
        if self._at is not None and now > self._at:
            self._tokens = min(float(burst), self._tokens + (now - self._at) * per_second)
            self._at = now
        return self._tokens >= 1.0

    def take(self, now: float) -> None:
        self._tokens -= 1.0
        self._at = now if self._at is None else max(self._at, now)


def _block(source: str) -> str:
    """What one attacker has of addresses: IPv4 one, IPv6 a network of 64 bits."""
    if ":" not in source:
        return source
    return str(int(ipaddress.IPv6Address(source.partition("%")[0])) >> 64)
