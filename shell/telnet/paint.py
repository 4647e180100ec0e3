"""Styled lines for a terminal with cursor control. Pure; the only place that makes SGR sequences."""

from __future__ import annotations

from dataclasses import dataclass

from shell.safe import safe
from shell.term import Line, Span, Style, plain, width

_BASE = {
    Style.TITLE: "1",
    Style.LABEL: "",
    Style.KEY: "1",
    Style.DIM: "",
    Style.GOOD: "",
    Style.BAD: "1",
    Style.BAR: "7",
}
_COLOURED = {
    Style.TITLE: "1",
    Style.LABEL: "36",
    Style.KEY: "1;36",
    Style.DIM: "90",
    Style.GOOD: "32",
    Style.BAD: "1;31",
    Style.BAR: "1;37;44",
}


@dataclass(frozen=True, slots=True)
class Paint:
    colours: int
    """0 for a monochrome terminal, else how many it has."""

    def line(self, line: Line, columns: int) -> str:
        """A header line (`Style.BAR`) fills the screen's width."""
        if isinstance(line, str):
            return safe(line)
        text = "".join(self._span(span) for span in line)
        if line and line[-1].style is Style.BAR:
            gap = columns - width(safe(plain(line)))
            text += self._span(Span(" " * gap, Style.BAR)) if gap > 0 else ""
        return text

    def _span(self, span: Span) -> str:
        code = (_COLOURED if self.colours else _BASE).get(span.style, "")
        return f"\x1b[{code}m{safe(span.text)}\x1b[0m" if code and span.text else safe(span.text)


def depth(term: str, colorterm: str) -> int:
    """Colours of a terminal by what it says of itself; names in lower case."""
    if colorterm in {"truecolor", "24bit"}:
        return 1 << 24
    if "256" in term:
        return 256
    if term.startswith(("xterm", "screen", "tmux", "linux", "ansi", "putty", "rxvt", "konsole", "alacritty")):
        return 16
    return 0
