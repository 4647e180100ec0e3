"""What the shell needs to run the self test. Filled over the control socket, by a fake in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

CheckState = Literal["ok", "warn", "fail", "skipped"]
STATES: tuple[CheckState, ...] = ("ok", "warn", "fail", "skipped")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check that is done. `found`: what there was, or why it was skipped; `remedy`: what to do about it,
    empty when there is nothing to do."""

    name: str
    state: CheckState
    found: str
    remedy: str = ""
    took_s: float = 0.0


class SelfTest(Protocol):
    """The checks of this appliance; one run at a time, for whoever asks."""

    def run(self) -> AsyncIterator[CheckResult]:
        """Each check as soon as it is done. Whoever asks while one runs joins it and gets all of it. Whoever
        stops reading stops nothing. Raises SystemUnavailableError."""
