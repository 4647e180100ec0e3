"""What an environment was made of, kept inside it, so that nothing is done again when nothing has changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "callisto-made.json"
STOCK = "stock"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Locks by name and digest, the Python, the checkout it serves, the SIP engine in it."""

    python: str
    checkout: str
    locks: dict[str, str]
    engine: str = ""
    """A recipe's key, or `stock`; empty before there is one."""
    failed: str = ""
    """Key of a recipe whose build has failed here; not tried again until `make engine`."""

    def serves(self, wanted: Stamp) -> bool:
        """Whether every lock that is wanted is in, for the same Python and checkout."""
        return (
            self.python == wanted.python
            and self.checkout == wanted.checkout
            and all(self.locks.get(name) == digest for name, digest in wanted.locks.items())
        )

    def extends(self, wanted: Stamp) -> bool:
        """Whether what is in may stay and only locks are to be added: nothing in it is out of date."""
        return (
            self.python == wanted.python
            and self.checkout == wanted.checkout
            and all(wanted.locks.get(name, digest) == digest for name, digest in self.locks.items())
        )

    def with_locks_of(self, wanted: Stamp) -> Stamp:
        return replace(self, locks={**self.locks, **wanted.locks})


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(environment: Path) -> Stamp | None:
    """None when the environment is not there, not ours or half-made."""
    try:
        return Stamp(**json.loads((environment / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(environment: Path, stamp: Stamp) -> None:
    neighbour = environment / f"{NAME}.new"
    neighbour.write_text(json.dumps(asdict(stamp), indent=2) + "\n", encoding="utf-8")
    neighbour.replace(environment / NAME)
