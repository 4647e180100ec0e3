"""Who is in a call through this router now: talking, ringing or calling."""

from __future__ import annotations


class Lines:
    """Counts per user and per normalised number, so that a question costs one look-up whatever goes on."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def __contains__(self, who: object) -> bool:
        return who in self._taken

    def take(self, who: str) -> None:
        if who:
            self._taken[who] = self._taken.get(who, 0) + 1

    def drop(self, who: str) -> None:
        """Takes back one `take`."""
        left = self._taken.get(who, 0) - 1
        if left > 0:
            self._taken[who] = left
        else:
            self._taken.pop(who, None)
