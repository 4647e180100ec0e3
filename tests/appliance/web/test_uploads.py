"""A backup is uploaded: by administrators, within limits, and nothing is left of what was cut short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from appliance.archives import UPLOADED
from appliance.web.inbox import FOLDER, NAME, Inbox
from appliance.web.incoming import InboxError
from appliance.web.server import start
from tests.appliance.waiting import eventually
from tests.appliance.web.office import Browser, Office, key_of, words

ZIP = b"PK\x03\x04" + bytes(3000)


@pytest.fixture
def state(office: Office, tmp_path: Path) -> Path:
    office.state = tmp_path
    return tmp_path


async def sent(browser: Browser, raw: bytes = ZIP, **headers: str) -> httpx.Response:
    key = key_of(await browser.get("/files"))
    return await browser.http.put("/files/upload", content=raw, headers={"x-callisto-key": key, **headers})


def left(state: Path) -> list[str]:
    return sorted(each.name for each in (state / FOLDER).glob("*"))


async def test_it_is_there_afterwards_and_the_page_says_how_to_restore_it(state, office, browser):
    await browser.log_in()
    assert "Upload one here" in words(await browser.get("/files"))
    assert (await sent(browser)).status_code == 201
    file = state / FOLDER / NAME
    assert file.read_bytes() == ZIP
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert f"restore check {UPLOADED}" in words(await browser.get("/files"))
    assert ("admin", "web", "upload", "a backup of 3,004 bytes") in office.notes
    assert (await sent(browser, ZIP * 2)).status_code == 201
    assert file.read_bytes() == ZIP * 2
    assert left(state) == [NAME] == [UPLOADED]


async def test_strangers_and_support_may_not(state, browser, office):
    assert (await browser.http.put("/files/upload", content=ZIP)).status_code == 401
    await browser.log_in("help", "battery staple")
    assert "Upload" not in words(await browser.get("/files"))
    assert (await sent(browser)).status_code == 403
    assert left(state) == []


async def test_another_site_cannot_send_one(state, browser):
    await browser.log_in()
    for key in ("", "0" * 64):
        answer = await sent(browser, **{"x-callisto-key": key})
        assert answer.status_code == 403
    assert left(state) == []


async def test_what_is_too_large_is_refused_before_it_is_read(state, browser):
    await browser.log_in()
    answer = await sent(browser, ZIP * 4)
    assert answer.status_code == 413
    assert "there is room for" in answer.json()["error"]
    assert answer.headers["connection"] == "close"
    assert left(state) == []


async def test_what_is_no_zip_is_refused(state, browser):
    await browser.log_in()
    assert (await sent(browser, b"MZ of somebody")).status_code == 415
    assert left(state) == []


async def test_it_says_how_large_it_is(state, browser):
    async def unknown() -> AsyncIterator[bytes]:
        yield ZIP

    await browser.log_in()
    key = key_of(await browser.get("/files"))
    answer = await browser.http.put("/files/upload", content=unknown(), headers={"x-callisto-key": key})
    assert answer.status_code == 411


async def test_the_real_server_passes_it_on_and_keeps_nothing_of_who_leaves(state, office):
    office.room = 5_000_000
    server = await start(office.app(), "127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as http:
            fields = {"user": "admin", "password": "correct horse"}
            await http.post("/login", data={**fields, "key": key_of(await http.get("/login"))})
            headers = {"x-callisto-key": key_of(await http.get("/files"))}
            raw = ZIP * 1000
            assert (await http.put("/files/upload", content=raw, headers=headers)).status_code == 201
            assert (state / FOLDER / NAME).read_bytes() == raw
            cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"PUT /files/upload HTTP/1.1\r\nhost: x\r\ncookie: {cookies}\r\ncontent-length: 9000\r\n"
        writer.write(f"{head}x-callisto-key: {headers['x-callisto-key']}\r\n\r\n".encode() + ZIP)
        await writer.drain()
        await eventually(lambda: left(state) != [NAME])
        writer.close()
        await eventually(lambda: left(state) == [NAME])
    finally:
        await server.close()
    assert (state / FOLDER / NAME).read_bytes() == raw


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_the_one_before_stays_until_another_is_whole(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, lambda _: 10_000)
    await inbox.take(len(ZIP), pieces(ZIP[:2], ZIP[2:]))
    for status, size, chunks in (
        (400, 5000, (ZIP,)),
        (413, 2000, (ZIP,)),
        (413, 20_000, (ZIP,)),
        (415, 3000, (b"", b"text" * 750)),
    ):
        with pytest.raises(InboxError) as refused:
            await inbox.take(size, pieces(*chunks))
        assert refused.value.status == status
        assert left(tmp_path) == [NAME]
    assert (tmp_path / FOLDER / NAME).read_bytes() == ZIP


async def test_who_sends_nothing_is_not_waited_for_and_a_second_one_is_told(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, lambda _: 10_000, silent_s=0.05)
    begun = asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        yield ZIP
        begun.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(failed(inbox, silent()))
        await begun.wait()
        assert await failed(inbox, pieces(ZIP)) == 409
    assert first.result() == 408
    assert left(tmp_path) == []


async def failed(inbox: Inbox, stream: AsyncIterator[bytes]) -> int:
    with pytest.raises(InboxError) as refused:
        await inbox.take(len(ZIP) * 2, stream)
    return refused.value.status
