"""YAML text to nodes that know their lines; bounded, without tags and references. Pure.

Nodes, not values: a number 0201 stays `0201`, and `no` stays `no`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

LONGEST = 4 * 1024 * 1024
"""Characters of a file; an office of 10 000 people has two million."""

MOST_EVENTS = 400_000
DEEPEST = 10

# The parser in C where the wheel has it: fifty times as quick.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Problem:
    """`line`: from 1; `field`: as `users.anna.number`, empty for the file as a whole."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.field}" if self.field else f"line {self.line}"
        return f"{where}: {self.message}"


class DocumentError(ValueError):
    """The text is no document of ours; nothing in it could be looked at."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def compose(text: str) -> yaml.Node | None:
    """The one document in `text`, None if it is empty. Raises DocumentError."""
    if len(text) > LONGEST:
        raise DocumentError(Problem(1, "", f"the file has more than {LONGEST} characters"))
    try:
        _check_shape(text)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as exc:
        raise DocumentError(_syntax(exc, text)) from exc
    except UnicodeEncodeError as exc:
        line = text.count("\n", 0, exc.start) + 1
        raise DocumentError(Problem(line, "", "a character is no text: a lone surrogate")) from exc


def _check_shape(text: str) -> None:
    """Before anything is built of it: a few lines of YAML can stand for more than fits into memory."""
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        problem = ""
        if count > MOST_EVENTS:
            problem = f"the file has more than {MOST_EVENTS} values"
        elif depth > DEEPEST:
            problem = f"values are nested deeper than {DEEPEST}"
        elif documents > 1:
            problem = "a second document begins here (---); there may be one"
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            problem = "references (& and *) are not used in an office file: write the value out"
        elif (tag := getattr(event, "tag", None)) is not None:
            problem = f"tags ({tag}) are not used in an office file: write the value alone"
        if problem:
            raise DocumentError(Problem(line, "", problem))


def _syntax(exc: yaml.YAMLError, text: str) -> Problem:
    mark = getattr(exc, "problem_mark", None)
    position = getattr(exc, "position", None)
    if mark is not None:
        line = mark.line + 1
    elif isinstance(position, int):
        line = text.count("\n", 0, position) + 1
    else:
        line = 1
    said = getattr(exc, "problem", None) or getattr(exc, "reason", None) or "it cannot be read"
    context = getattr(exc, "context", None)
    return Problem(line, "", f"this is not YAML: {said}{f' {context}' if context else ''}")
