"""The tab Restore: nothing is restored that was not looked through and confirmed by an administrator."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from appliance.web.app import create_app
from appliance.web.inbox import FOLDER
from appliance.web.inbox import NAME as UPLOADED
from appliance.web.looking import Looking
from appliance.web.shelf import FileRow
from db.variables.states import Actor
from tests.appliance.waiting import eventually
from tests.appliance.web.office import NOW, PEOPLE, Browser, Office, Somebody, key_of, words
from tests.fakes.restore import NAME, FakeRestore

PAGE = "/backup/restore"


@pytest.fixture
def state(office: Office, tmp_path: Path) -> Path:
    office.state = tmp_path
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / NAME).write_bytes(b"PK\x03\x04" + bytes(2000))
    return tmp_path


async def post(browser: Browser, what: str, **fields: str) -> httpx.Response:
    return await browser.http.post(
        f"{PAGE}/{what}", data={"key": key_of(await browser.get("/backup")), **fields}
    )


async def seen(browser: Browser) -> httpx.Response:
    """The page when the backup has been looked through."""
    for _ in range(1000):
        page = await browser.get(f"{PAGE}?look")
        if "is read and compared" not in page.text:
            return page
        await asyncio.sleep(0)
    raise AssertionError("it is never looked through")


async def looked(browser: Browser, **fields: str) -> httpx.Response:
    answer = await post(browser, "look", **{"archive": NAME, "password": "", **fields})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?look")
    return await seen(browser)


async def test_what_would_change_is_shown_with_its_warnings_before_anything_is(office, state, browser):
    office.restore.warnings = ("your own password will be another one",)
    await browser.log_in()
    assert f"{NAME} 2.0 kB" in words(await browser.get(PAGE))
    page = await looked(browser)
    told = words(page)
    assert "groups: 1 comes, 2 change (Board, Sales)" in told
    assert "careful: your own password will be another one" in told
    assert "The present state is backed up first." in told
    assert office.restore.asked == []


async def test_confirmed_it_is_restored_and_the_page_says_what_comes(office, state, browser):
    office.restore.hold = asyncio.Event()
    await browser.log_in()
    await looked(browser)
    answer = await post(browser, "begin", word=" Restore ")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?runs")
    [(actor, archive, _)] = office.restore.asked
    assert (actor.user, actor.channel, archive) == ("admin", "web", NAME)
    page = await browser.get(f"{PAGE}?runs")
    assert "30 %: back up the present state (begun by admin)" in words(page)
    assert "The web server is stopped in the middle and started again" in words(page)
    assert '"/static/wait.js" data-then="/backup/restore?runs"' in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    office.restore.hold.set()
    assert f"Everything restored from {NAME}." in words(await browser.get(f"{PAGE}?runs"))


async def test_only_the_chosen_kinds_are_restored(office, state, browser):
    await browser.log_in()
    await looked(browser, kind_users="1", kind_groups="1")
    await post(browser, "begin", word="restore")
    assert office.restore.asked[0][2] == ("users", "groups")


@pytest.mark.parametrize("word", ["", "yes", "restored"])
async def test_without_the_word_nothing_is_changed(office, state, browser, word):
    await browser.log_in()
    await looked(browser)
    answer = await post(browser, "begin", word=word)
    assert answer.status_code == 422
    assert "Nothing was changed." in words(answer)
    assert "What would change" in words(answer)
    assert office.restore.asked == []


async def test_what_was_not_looked_through_is_not_restored(office, state, browser):
    await browser.log_in()
    assert (await post(browser, "begin", word="restore")).status_code == 409
    await looked(browser)
    await post(browser, "leave")
    assert (await post(browser, "begin", word="restore")).status_code == 409
    assert office.restore.asked == []


async def test_the_password_is_asked_for_and_never_shown(office, state, browser):
    office.restore.passwords[NAME] = "correct horse"
    await browser.log_in()
    page = await looked(browser)
    assert f"{NAME} cannot be restored. The backup has a password." in words(page)
    page = await looked(browser, password="correct horse")
    assert "What would change" in words(page)
    assert "correct horse" not in page.text
    await post(browser, "begin", word="restore")
    assert "Everything restored" in words(await browser.get(PAGE))


async def test_one_that_went_back_is_told_with_the_way_out(office, state, browser):
    office.restore.failure = ("the login page does not answer", "the log says why")
    await browser.log_in()
    await looked(browser)
    await post(browser, "begin", word="restore")
    told = words(await browser.get(PAGE))
    assert "The login page does not answer. The log says why." in told
    assert f"The state before it is in {NAME}." in told


async def test_an_uploaded_one_can_be_chosen_until_another_one_comes(office, state, browser):
    office.restore.passwords[UPLOADED] = ""
    (state / FOLDER).mkdir()
    (state / FOLDER / UPLOADED).write_bytes(b"PK\x03\x04")
    await browser.log_in()
    await looked(browser, archive=UPLOADED)
    (state / FOLDER / UPLOADED).write_bytes(b"PK\x03\x04 of somebody else")
    assert (await post(browser, "begin", word="restore")).status_code == 409
    assert office.restore.asked == []
    await looked(browser, archive=UPLOADED)
    await post(browser, "begin", word="restore")
    assert office.restore.asked[0][1] == UPLOADED


@pytest.mark.parametrize("archive", ["", "/etc/passwd", "../callisto.db", "nas:x.zip", UPLOADED])
async def test_only_what_is_listed_can_be_chosen(office, state, browser, archive):
    await browser.log_in()
    assert (await post(browser, "look", archive=archive)).status_code == 422
    assert office.restore.rehearsed == []


async def test_what_one_has_looked_through_another_does_not_restore(office, state, browser, monkeypatch):
    berta = Somebody("berta", "Berta", frozenset({"administrator"}))
    monkeypatch.setitem(PEOPLE, ("berta", "plain"), berta)
    await browser.log_in()
    await looked(browser)
    other = office.browser()
    await other.log_in("berta", "plain")
    assert "What would change" not in words(await other.get(PAGE))
    assert (await post(other, "begin", word="restore")).status_code == 409
    assert office.restore.asked == []


async def test_another_site_strangers_and_support_get_nowhere(office, state, browser):
    assert (await browser.get(PAGE)).headers["location"] == "/login"
    await browser.log_in()
    for what in ("look", "begin", "leave"):
        answer = await browser.http.post(f"{PAGE}/{what}", data={"key": "0" * 64, "archive": NAME})
        assert answer.status_code == 403
    await browser.log_out()
    await browser.log_in("help", "battery staple")
    key = key_of(await browser.get("/"))
    assert (await browser.get(PAGE)).status_code == 403
    for what in ("look", "begin", "leave"):
        answer = await browser.http.post(f"{PAGE}/{what}", data={"key": key, "archive": NAME})
        assert answer.status_code == 403
    assert office.restore.rehearsed == []


async def test_after_the_web_server_was_started_again_the_login_window_says_why(office, state, browser):
    await browser.log_in()
    browser.http = httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(office.services()), client=("192.0.2.7", 50000)),
        base_url="http://callisto",
        cookies=browser.http.cookies,
    )
    answer = await browser.get(f"{PAGE}?runs")
    assert answer.headers["location"] == "/login?reason=restored"
    page = words(await browser.get(answer.headers["location"]))
    assert "Backup, Restore says what came of it" in page


async def test_one_that_nobody_confirms_is_forgotten() -> None:
    looking = Looking(FakeRestore(), kept_s=0.01)
    looking.begin(Actor("admin", "", "web"), FileRow(NAME, 1, NOW), (), "")
    assert looking.of("admin") is not None
    await eventually(lambda: looking.of("admin") is None)
