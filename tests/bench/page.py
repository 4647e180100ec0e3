"""docs/benchmarks.md: a section for each part of the bench. A run writes its own parts anew and leaves the
others as they are, so each section says when it was measured. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """`met` None: it could not be measured."""

    text: str
    measured: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Section:
    """What one part has measured. `conditions`: one line each; `text`: the rest, in Markdown."""

    part: str
    conditions: tuple[str, ...]
    marks: tuple[Mark, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A subject of the bench. `command`: what measures it; `about`: how."""

    name: str
    title: str
    command: str
    about: str


def compose(page: str, parts: Sequence[Part], sections: Iterable[Section]) -> str:
    """The page with these sections in it. A part that has never been measured says so."""
    new = {section.part: section for section in sections}
    old = dict(re.findall(r"^<!-- part (\w+) -->\n(.*?)\n<!-- end -->$", page, re.MULTILINE | re.DOTALL))
    whole = [_HEAD]
    for part in parts:
        body = _body(new[part.name]) if part.name in new else old.get(part.name, "Not measured yet.")
        whole.append(f"## {part.title}\n\n`{part.command}`: {part.about}\n")
        whole.append(f"<!-- part {part.name} -->\n{body}\n<!-- end -->\n")
    return "\n".join(whole)


def _body(section: Section) -> str:
    lines = "\n".join(f"- {line}" for line in section.conditions)
    rows = [(mark.text, mark.measured, _verdict(mark)) for mark in section.marks]
    judged = table(("mark", "measured", "met"), rows) if rows else ""
    return "\n\n".join(text for text in (lines, judged, section.text.strip()) if text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None, digits: int) -> str:
    """A dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def at_most(text: str, value: float | None, limit: float, unit: str = "", digits: int = 1) -> Mark:
    measured = number(value, digits) + (f" {unit}" if unit and value is not None else "")
    return Mark(text, measured, None if value is None else value <= limit)


def at_least(text: str, value: float | None, limit: float) -> Mark:
    return Mark(text, number(value, 0), None if value is None else value >= limit)


def all_met(sections: Iterable[Section]) -> bool:
    """Whether no mark is missed; one that could not be measured is not missed."""
    return not any(mark.met is False for section in sections for mark in section.marks)


def unmeasured(part: str, why: Mapping[str, str]) -> Section:
    return Section(part, tuple(f"{name}: not measured: {reason}" for name, reason in why.items()), ())


def _verdict(mark: Mark) -> str:
    return "not measured" if mark.met is None else "yes" if mark.met else "**no**"


_HEAD = """# Benchmarks

Written by `make bench`, which measures in about seven minutes what does not say otherwise. Everything runs
on the loopback of one machine: callers and phones (sipp), and the system between, share its cores. So compare
rows of one run with each other, not with figures of another machine or another day.

Setup is from INVITE sent to 180 received, measured by the caller. CPU is user and system time of a whole
process tree, from /proc. Memory is a process's share of anonymous pages (Pss_Anon of smaps_rollup).
"""
