"""The demo's lines on a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from appliance.demo.script import Staged

BOLD, DIM, GREEN, RED, CYAN, PLAIN = "1", "2", "32", "31", "36", "0"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call of the demo went. `connected`: the users whose phones were connected to it."""

    call: Staged
    connected: tuple[str, ...]
    caller_code: int | None
    """Exit code of the caller: 0 when the call was answered and ended well; None when it did not end."""

    @property
    def as_expected(self) -> bool:
        return self.connected == (self.call.connects,) and self.caller_code == 0


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours where somebody looks, none in a file."""

    on: bool

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[{PLAIN}m" if self.on else text


def opening(paint: Paint, place: int, call: Staged) -> str:
    who = (
        f"{call.name} ({call.number}) calls {call.dialled}; the phone of {call.connects} should be connected"
    )
    return f"\n{paint(BOLD, f'{place}. {call.title}')}\n   {paint(DIM, who)}"


def step(paint: Paint, data: dict[str, Any]) -> str:
    """One line of the live explanation: a step of a call."""
    at = f"{float(data.get('at_s', 0)):5.1f} s"
    return f"   {paint(DIM, at)}  {paint(CYAN, str(data.get('text', '')))}"


def verdict(paint: Paint, ended: Ended) -> str:
    if ended.as_expected:
        return f"   {paint(GREEN, f'ok: connected to {ended.call.connects}')}"
    reached = ", ".join(ended.connected) or "nobody"
    return f"   {paint(RED, f'wrong: connected to {reached}, expected {ended.call.connects}')}"


def summary(paint: Paint, calls: Iterable[Ended]) -> str:
    """A line for each call, and one for all."""
    played = tuple(calls)
    good, bad = paint(GREEN, "ok   "), paint(RED, "wrong")
    lines = [f"{good if one.as_expected else bad}  {one.call.title}" for one in played]
    met = sum(one.as_expected for one in played)
    return "\n".join(["", *lines, "", f"{met} of {len(played)} calls went as expected"])
