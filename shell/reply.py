"""What a command answers: lines for people, the same as data for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from shell.term import Line, Span, Style

Data = Any
"""What `json` can write."""


@dataclass(frozen=True, slots=True)
class Reply:
    lines: tuple[Line, ...]
    data: Data = None


class CommandError(Exception):
    """A command that cannot be done. `hint`: what is right, or what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def failure_lines(message: str, hint: str) -> tuple[Line, ...]:
    """How every error looks: `% ` first, so that programs know one."""
    first = (Span(f"% {message}", Style.BAD),)
    return (first, (Span(f"  {hint}", Style.PLAIN),)) if hint else (first,)


def as_json(data: Data) -> tuple[Line, ...]:
    """Indented JSON in plain ASCII: no line of it needs to be made safe."""
    return tuple(json.dumps(data, indent=2, ensure_ascii=True).split("\n"))
