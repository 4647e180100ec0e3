from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shell.telnet.nvt import NvtDecoder, encode


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"one\r\ntwo\r\0three\nfour\rfive", "one\rtwo\rthree\rfour\rfive"),
        (b"\r\n\r\n", "\r\r"),
        (b"\r\r\n", "\r\r"),
        (b"\0\0a\0", "a"),
        ("Zürich €".encode(), "Zürich €"),
        (b"a\x80b", "a\ufffdb"),
        ("a\u202eb".encode(), "a\ufffdb"),
        (b"\x1b[A\x03", "\x1b[A\x03"),
    ],
)
def test_bytes_become_text_with_one_sign_for_the_end_of_a_line(data: bytes, text: str) -> None:
    assert NvtDecoder().feed(data, final=True) == text


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"a", b"\xc3", b"\xbc", b"\x80"]), max_size=12), st.data()
)
def test_however_the_bytes_are_cut_the_text_is_the_same(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    decoder = NvtDecoder()
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    text = "".join([*(decoder.feed(part) for part in parts), decoder.feed(b"", final=True)])
    assert text == NvtDecoder().feed(whole, final=True)


def test_an_unfinished_character_at_the_end_is_not_forgotten() -> None:
    decoder = NvtDecoder()
    assert decoder.feed(b"a\xc3") == "a"
    assert decoder.feed(b"", final=True) == "\ufffd"


def test_every_end_of_a_line_is_sent_as_cr_lf() -> None:
    assert encode("a\nb\r\nc\r") == b"a\r\nb\r\nc\r"
    assert encode("\udc80ü") == "?ü".encode()
