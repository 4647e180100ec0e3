"""Make text from outside harmless on a terminal: what would steer it becomes visible instead."""

from __future__ import annotations

import re

# C1; soft hyphen, bidirectional controls, zero width characters, line and paragraph separators, byte order
# mark, interlinear marks, lone surrogates, tag characters.
_HIDDEN = (
    "\x80-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_STEERING = re.compile(f"[\x00-\x08\x0a-\x1f\x7f{_HIDDEN}]")
_NO_KEY = re.compile(f"[{_HIDDEN}]")


def safe(text: str) -> str:
    """The text with every character that steers a terminal, or hides, written out: ESC as `^[`, U+202E as
    `\\u202e`. Tabs stay. Idempotent."""
    return _STEERING.sub(_visible, text)


def typed(text: str) -> str:
    """Input with what no key makes as U+FFFD. The controls of ASCII stay: they are keys."""
    return _NO_KEY.sub("\ufffd", text)


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return "^" + chr(code + 0x40)
    if code == 0x7F:
        return "^?"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
