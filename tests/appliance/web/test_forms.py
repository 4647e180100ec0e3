"""A form is small, arrives in time and is UTF-8, or it is refused with its HTTP status."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web.forms import KIND, LONGEST_BODY, MOST_FIELDS, FormError, decode, read_form

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@given(st.dictionaries(texts, texts, max_size=MOST_FIELDS))
def test_what_a_browser_sends_is_read(fields):
    assert decode(urlencode(fields).encode()) == fields


def test_an_empty_body_has_no_fields():
    assert decode(b"") == {}


@pytest.mark.parametrize(
    "body",
    [
        b"user=%ff",
        b"user=\xc3\xa4",
        b"a=1&a=2",
        b"user",
        b"user=%00x",
        b"&".join([b"a=1"] * 9),
        b"&&&",
        b"=&=",
    ],
)
def test_what_no_browser_sends_is_refused(body):
    with pytest.raises(FormError) as refusal:
        decode(body)
    assert refusal.value.status == 400


def test_any_bytes_are_a_form_or_refused():
    chance = random.Random(20261122)
    pieces = [
        b"user=",
        b"password=",
        b"key=",
        b"&",
        b"=",
        b"%",
        b"%zz",
        b"%00",
        b"%c3%a4",
        b"+",
        b";",
        b"\xff",
        b"a",
    ]
    for _ in range(5000):
        body = b"".join(chance.choices(pieces, k=chance.randrange(30))) + chance.randbytes(
            chance.randrange(4)
        )
        try:
            fields = decode(body)
        except FormError as refusal:
            assert refusal.status == 400  # noqa: PT017
        else:
            assert len(fields) <= MOST_FIELDS


async def test_a_form_in_pieces_is_put_together():
    headers = {"content-type": f"{KIND}; charset=UTF-8", "content-length": "8"}
    assert await read_form(headers, chunks(b"a=1", b"&b", b"=2")) == {"a": "1", "b": "2"}


@pytest.mark.parametrize("kind", ["", "multipart/form-data; boundary=x", "application/json", "text/plain"])
async def test_other_kinds_of_bodies_are_refused(kind):
    with pytest.raises(FormError) as refusal:
        await read_form({"content-type": kind}, chunks(b"a=1"))
    assert refusal.value.status == 415


@pytest.mark.parametrize("declared", ["4097", "9" * 400, "-1", "1e3", "٤", ""])
async def test_a_body_that_is_declared_too_long_is_not_read(declared):
    async def unread() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    with pytest.raises(FormError) as refusal:
        await read_form({"content-type": KIND, "content-length": declared}, unread())
    assert refusal.value.status == 413


async def test_a_body_that_does_not_end_is_cut_off():
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield b"a" * 1000

    with pytest.raises(FormError) as refusal:
        await read_form({"content-type": KIND}, endless())
    assert refusal.value.status == 413
    assert read <= LONGEST_BODY + 1000


async def test_a_body_that_does_not_come_is_not_waited_for():
    async def silent() -> AsyncIterator[bytes]:
        yield b"a="
        await asyncio.Event().wait()

    with pytest.raises(FormError) as refusal:
        await read_form({"content-type": KIND}, silent(), within_s=0.01)
    assert refusal.value.status == 408


async def test_the_login_refuses_what_is_no_form(browser):
    for body, kind, status in (
        (b"x" * 5000, KIND, 413),
        (b'{"user":"admin"}', "application/json", 415),
        (b"user=%ff", KIND, 400),
    ):
        answer = await browser.http.post("/login", content=body, headers={"content-type": kind})
        assert answer.status_code == status
        assert answer.headers["connection"] == "close"
        answer = await browser.http.post("/logout", content=body, headers={"content-type": kind})
        assert answer.status_code == status
