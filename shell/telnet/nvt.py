"""Text of a network virtual terminal (RFC 854): bytes to characters, ends of lines to one sign."""

from __future__ import annotations

import codecs

from shell.safe import typed

ENTER = "\r"


class NvtDecoder:
    """Incremental. CR LF, CR NUL and LF become one `ENTER`, NUL vanishes; bytes that are not UTF-8, and
    characters that steer or hide, become U+FFFD. However the bytes are cut, the text is the same."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._after_cr = False

    def feed(self, data: bytes, *, final: bool = False) -> str:
        text = self._utf8.decode(data, final)
        if not text:
            return ""
        if self._after_cr and text[0] in "\n\0":
            text = text[1:]
            self._after_cr = False
            if not text:
                return ""
        self._after_cr = text.endswith("\r")
        text = text.replace("\r\n", ENTER).replace("\r\0", ENTER).replace("\n", ENTER).replace("\0", "")
        return typed(text)


def encode(text: str) -> bytes:
    """UTF-8 with CR LF at the end of each line; what cannot be encoded becomes `?`."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8", "replace")
