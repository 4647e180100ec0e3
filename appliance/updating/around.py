"""What updates are given by the machine, and by the rest of the supervisor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.updating.root_side import Unit
from firmware.image_file import KEYRINGS
from firmware.release import running as release

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Around:
    """`busy`: why there can be no update now, empty where there can; `unit`: the part that is root; `root`:
    where the machine's files are; `keyring`: None for the machine's own."""

    busy: Callable[[], str]
    unit: Unit
    root: Path = Path("/")
    keyring: Path | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def trusted(self) -> Path:
        """The keyring; in a checkout, that of the updates it has built, where the machine has none."""
        own = (CHECKOUT / "build/keys/ca.pem",) if release().from_checkout else ()
        return self.keyring or next((one for one in (*KEYRINGS, *own) if one.is_file()), KEYRINGS[0])
