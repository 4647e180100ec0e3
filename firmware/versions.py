"""How releases are numbered, and in which order they come. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FINAL = 0
_STAGES = {"dev": -4, "a": -3, "b": -2, "rc": -1, "": _FINAL}
_VERSION = re.compile(
    r"(?P<major>\d{1,6})\.(?P<minor>\d{1,6})(?:\.(?P<patch>\d{1,6}))?"
    r"(?:\.?(?P<stage>dev|a|b|rc)(?P<count>\d{1,6}))?",
    re.ASCII,
)


class VersionError(ValueError):
    """Text that is no version of ours."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:40]!a} is not a version; expected numbers such as 1.4.0, 1.4.0rc1 or 1.4.0.dev2"
        )
        self.text = text


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """In the order of releases: 1.4.0.dev1 < 1.4.0a1 < 1.4.0b1 < 1.4.0rc1 < 1.4.0 < 1.4.1."""

    major: int
    minor: int
    patch: int = 0
    stage: int = _FINAL
    count: int = 0

    def __str__(self) -> str:
        number = f"{self.major}.{self.minor}.{self.patch}"
        if self.stage == _FINAL:
            return number
        stage = next(name for name, rank in _STAGES.items() if rank == self.stage)
        return f"{number}{'.' if stage == 'dev' else ''}{stage}{self.count}"


def parse_version(text: str) -> Version:
    """The subset of PEP 440 that our releases use. Raises VersionError."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        raise VersionError(text)
    return Version(
        int(found["major"]),
        int(found["minor"]),
        int(found["patch"] or 0),
        _STAGES[found["stage"] or ""],
        int(found["count"] or 0),
    )
