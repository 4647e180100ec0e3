"""The page Backup: made, looked on at, fetched, deleted, by administrators and nobody else."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from appliance.web.shelf import BACKUPS, Shelf
from db.backup.names import name_of
from shell.ports import SystemUnavailableError
from tests.appliance.web.office import NOW, Browser, Office, key_of, words
from tests.fakes.backup import NAME

RAW = b"PK\x03\x04" + bytes(300_000)
OLDER = "callisto-office-20261120-010203Z.zip"


@pytest.fixture
def folder(office: Office, tmp_path: Path) -> Path:
    office.state = tmp_path
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in (NAME, OLDER):
        (folder / name).write_bytes(RAW)
        os.utime(folder / name, (NOW.timestamp() - 3600, NOW.timestamp() - 3600))
    (tmp_path / "callisto.db").write_text("precious")
    (folder / f"{NAME}.part").write_text("precious")
    return folder


async def post(browser: Browser, path: str = "/backup", **fields: str) -> httpx.Response:
    return await browser.http.post(path, data={"key": key_of(await browser.get("/backup")), **fields})


async def test_one_is_made_with_a_password_and_can_be_fetched(office, folder, browser):
    await browser.log_in()
    answer = await post(browser, password="correct horse", again="correct horse")
    assert (answer.status_code, answer.headers["location"]) == (303, "/backup?look")
    [(actor, destination, password)] = office.backup.asked
    assert (actor.user, actor.channel, destination, password) == ("admin", "web", "", "correct horse")
    page = await browser.get("/backup?look")
    assert f"{NAME} is good (with a password)" in words(page)
    assert f'href="/backup/file/{NAME}"' in page.text
    assert "correct horse" not in page.text
    assert 'http-equiv="refresh"' not in page.text


async def test_the_page_tells_how_far_it_is_and_refreshes_itself_until_it_is_good(office, folder, browser):
    office.backup.hold = asyncio.Event()
    await browser.log_in()
    await post(browser, password="", again="")
    page = await browser.get("/backup?look")
    assert '<meta http-equiv="refresh" content="2; url=/backup?look">' in page.text
    assert "40 %: writes the backup (begun by admin)" in words(page)
    assert "Make a backup" not in words(page)
    office.backup.hold.set()
    assert "is good (without a password)" in words(await browser.get("/backup?look"))


async def test_looking_on_is_no_activity(office, folder, browser):
    await browser.log_in()
    for _ in range(20):
        office.at += 60
        answer = await browser.get("/backup?look")
    assert answer.headers["location"] == "/login?reason=idle"


async def test_two_that_differ_begin_nothing(office, folder, browser):
    await browser.log_in()
    answer = await post(browser, password="correct horse", again="correct house")
    assert answer.status_code == 422
    assert "The two passwords are not the same." in words(answer)
    assert office.backup.asked == []


async def test_what_the_supervisor_refuses_is_told(office, folder, browser):
    await browser.log_in()
    answer = await post(browser, password="short", again="short")
    assert answer.status_code == 409
    assert "The password of a backup has 8 characters or more. A sentence is good." in words(answer)


async def test_one_that_failed_is_told_with_the_way_out(office, folder, browser):
    office.backup.failure = ("the disk is full", "delete old backups")
    await browser.log_in()
    await post(browser, password="", again="")
    assert "No backup was made. The disk is full. Delete old backups." in words(await browser.get("/backup"))


async def test_those_on_this_machine_are_listed_and_nothing_else(folder, browser):
    await browser.log_in()
    page = await browser.get("/backup")
    assert f"{NAME} 300.0 kB Sun 22 Nov 2026, 15:00 1 h ago Download Delete" in words(page)
    assert OLDER in page.text
    assert ".part" not in page.text


async def test_a_download_comes_whole_and_is_in_the_audit_trail(office, folder, browser):
    await browser.log_in()
    answer = await browser.get(f"/backup/file/{NAME}")
    assert (answer.status_code, answer.content) == (200, RAW)
    assert answer.headers["content-disposition"] == f'attachment; filename="{NAME}"'
    assert answer.headers["content-length"] == str(len(RAW))
    assert answer.headers["cache-control"] == "no-store"
    assert ("admin", "web", "download", NAME) in office.notes


async def test_deleting_asks_first_and_is_in_the_audit_trail(office, folder, browser):
    await browser.log_in()
    page = await browser.get(f"/backup/delete/{OLDER}")
    assert "It cannot be brought back." in words(page)
    assert (folder / OLDER).exists()
    answer = await post(browser, f"/backup/delete/{OLDER}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/backup")
    assert not (folder / OLDER).exists()
    assert ("admin", "web", "delete", OLDER) in office.notes
    assert "the only backup" in words(await browser.get(f"/backup/delete/{NAME}"))
    assert (await post(browser, f"/backup/delete/{OLDER}")).status_code == 404


async def test_one_that_is_being_restored_stays(office, folder, browser):
    office.restore.hold = asyncio.Event()
    await browser.log_in()
    await post(browser, password="", again="")
    await office.restore.begin(office.backup.asked[0][0], NAME, (), "")
    assert (await post(browser, f"/backup/delete/{NAME}")).status_code == 409
    assert (folder / NAME).exists()


@pytest.mark.parametrize("key", ["", "0" * 64])
async def test_another_site_can_neither_make_nor_delete_one(office, folder, browser, key):
    await browser.log_in()
    for path in ("/backup", f"/backup/delete/{NAME}"):
        assert (await browser.http.post(path, data={"key": key})).status_code == 403
    assert office.backup.asked == []
    assert (folder / NAME).exists()


async def test_strangers_see_the_login_window_and_support_is_refused(office, folder, browser):
    paths = ("/backup", f"/backup/file/{NAME}", f"/backup/delete/{NAME}")
    for path in paths:
        assert (await browser.get(path)).headers["location"] == "/login"
    await browser.log_in("help", "battery staple")
    assert 'href="/backup"' not in (await browser.get("/")).text
    for path in paths:
        assert (await browser.get(path)).status_code == 403
    for path in ("/backup", f"/backup/delete/{NAME}"):
        key = key_of(await browser.get("/"))
        assert (await browser.http.post(path, data={"key": key})).status_code == 403
    assert office.backup.asked == []
    assert (folder / NAME).exists()


@pytest.mark.parametrize(
    "name", ["callisto.db", "..%2fcallisto.db", f"{NAME}.part", f"{NAME}%0a", f"x{NAME}", OLDER.upper()]
)
async def test_nothing_else_is_given_out_or_deleted(folder, browser, name):
    await browser.log_in()
    assert (await browser.get(f"/backup/file/{name}")).status_code == 404
    assert (await browser.get(f"/backup/delete/{name}")).status_code == 404
    assert (await post(browser, f"/backup/delete/{name}")).status_code == 404
    assert (folder.parent / "callisto.db").exists()
    assert (folder / f"{NAME}.part").exists()


async def test_a_link_is_not_followed(folder, browser):
    (folder / NAME).unlink()
    (folder / NAME).symlink_to(folder.parent / "callisto.db")
    await browser.log_in()
    assert (await browser.get(f"/backup/file/{NAME}")).status_code == 404
    assert (await post(browser, f"/backup/delete/{NAME}")).status_code == 404


async def test_without_the_supervisor_those_that_are_here_can_be_fetched(
    office, folder, browser, monkeypatch
):
    async def away() -> None:
        raise SystemUnavailableError("no answer within 2 s")

    monkeypatch.setattr(office.backup, "state", away)
    await browser.log_in()
    page = words(await browser.get("/backup"))
    assert "The supervisor does not answer: no answer within 2 s." in page
    assert NAME in page


async def test_the_names_that_are_given_out_are_those_that_are_made(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    for host in ("Office.example", "???"):
        (tmp_path / "backups" / name_of(host, datetime.now(UTC))).write_text("x")
    assert len(await Shelf(tmp_path).rows(BACKUPS)) == 2
