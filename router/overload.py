"""Whether a new call is taken while more come than can be carried. No I/O, no clock.

A queue that stands, not a busy processor, is what makes calls fail. So while messages wait too long, no new
call is taken; and from then until the overload is over, not more a second than turned out to be carried. That
limit is felt for as TCP does: a little more while nobody waits, a good deal less when somebody does, not too
often, for most of what a call costs comes only when somebody has answered it.
"""

from __future__ import annotations

HIGH_S = 0.040
"""Take no calls from this waiting time on, once it has lasted for PERSISTS_S."""
LOW_S = 0.010
"""Take calls again from this waiting time on."""
PERSISTS_S = 0.050
"""One long turn (a new routing table, a disk) is no overload when the next finds an empty queue."""
OVER_AFTER_S = 2.0
"""Seconds without a refusal after which the overload is over, and with it the limit."""
RETRY_AFTER_S = 5
RETRY_SPREAD_S = 6
"""Refused callers are told different times: they must not come back together."""
MEMORY_S = 1.0
"""Over how long the calls taken a second are measured."""
LEAST = 40.0
"""Calls a second that are always taken: so few are not what makes messages wait, but something else that
holds the machine up, and to refuse them would not help."""
LESS, LESS_EVERY_S = 0.85, 1.0
MORE_A_SECOND = 0.2
BURST_S = 0.1
"""What may be taken at once: the calls of so many seconds."""


class Overload:
    """Call `turn` once in a turn of the loop, `admits` for each new INVITE before anything dear is done.

    `refused`: INVITEs turned away in all. `episodes`: overloads so far. `limit`: calls a second that are
    taken in the present overload, None without one. `since`: monotonic seconds when it began.
    """

    __slots__ = (
        "_above_since",
        "_at",
        "_lowered_at",
        "_rate",
        "_refused_at",
        "_tokens",
        "_waiting_long",
        "episodes",
        "limit",
        "refused",
        "since",
    )

    def __init__(self) -> None:
        self.refused = self.episodes = 0
        self.limit: float | None = None
        self.since: float | None = None
        self._waiting_long = False
        self._above_since: float | None = None
        self._lowered_at = self._refused_at = self._at = 0.0
        self._rate = self._tokens = 0.0

    def turn(self, now: float, lag_s: float, backlog: int) -> None:
        """A turn with `backlog` messages. `now`: monotonic seconds; `lag_s`: how long a message waits now;
        where its age is not known: how long the turn took, or those that wait will take, if that is more."""
        passed, wait = now - self._at, lag_s if backlog else 0.0
        self._at = now
        self._rate *= max(0.0, 1 - passed / MEMORY_S)
        if wait >= HIGH_S:
            self._high(now)
        else:
            self._above_since = None
            self._waiting_long = self._waiting_long and wait > LOW_S
        if self.limit is not None:
            self._feel(now, passed, self.limit, wait)

    def admits(self) -> bool:
        """Whether to take one more call; a refusal is counted."""
        if self.limit is not None and self._rate >= LEAST:
            if self._waiting_long or self._tokens < 1:
                self.refused += 1
                self._refused_at = self._at
                return False
            self._tokens -= 1
        self._rate += 1 / MEMORY_S
        return True

    @property
    def retry_after(self) -> int:
        """Seconds for the Retry-After of the INVITE just refused."""
        return RETRY_AFTER_S + self.refused % RETRY_SPREAD_S

    def facts(self) -> dict[str, object]:
        """For the status."""
        return {
            "overload": self.limit is not None,
            "overloads": self.episodes,
            "refused_overload": self.refused,
            "calls_a_second_limit": None if self.limit is None else round(self.limit, 1),
        }

    def _high(self, now: float) -> None:
        if self._above_since is None:
            self._above_since = now
        if now - self._above_since < PERSISTS_S:
            return
        self._waiting_long = True
        if self.limit is None:
            if self._rate < LEAST:
                return
            self.limit, self.since = self._rate, now
            self.episodes += 1
            self._refused_at, self._lowered_at = now, -LESS_EVERY_S
        if now - self._lowered_at >= LESS_EVERY_S:
            self._lowered_at = now
            self.limit = max(LEAST, LESS * self.limit)

    def _feel(self, now: float, passed: float, limit: float, wait: float) -> None:
        """The limit while it holds: its tokens, a little more where nobody waits, its end."""
        if now - self._refused_at >= OVER_AFTER_S:
            self.limit = self.since = None
            return
        if wait <= LOW_S:
            self.limit = limit * (1 + MORE_A_SECOND * min(1.0, passed))
        self._tokens = min(max(1.0, BURST_S * limit), self._tokens + limit * passed)
