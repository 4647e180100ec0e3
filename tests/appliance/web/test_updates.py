"""The page Updates: what is here and what it would do; whatever cuts calls wants its word typed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from shell.ports import SystemUnavailableError
from shell.update_ports import Notice
from tests.appliance.web.office import Browser, Office, key_of, words
from tests.fakes.updates import update
from tests.fakes.variables import NOON

NAME = "callisto-0.2.0.app.raucb"
RAW = b"hsqs signed application 0.2.0"


@pytest.fixture
async def admin(office: Office, tmp_path: Path) -> Browser:
    office.state = tmp_path
    office.updates.bundles = {NAME: update(NAME)}
    browser = office.browser()
    await browser.log_in()
    return browser


async def post(browser: Browser, verb: str, **fields: str) -> httpx.Response:
    return await browser.http.post(
        f"/update/{verb}", data={"key": key_of(await browser.get("/update")), **fields}
    )


async def upload(browser: Browser, name: str = NAME, raw: bytes = RAW) -> httpx.Response:
    key = key_of(await browser.get("/update"))
    return await browser.http.put(f"/update/upload/{name}", content=raw, headers={"x-callisto-key": key})


async def test_the_page_tells_what_each_is_and_what_it_would_do(office, admin):
    page = words(await admin.get("/update"))
    parts = (
        NAME,
        "0.2.0 application",
        "12.3 MB",
        "signed by Callisto development",
        "The services start anew: about 2 s without calls.",
        "Fewer words, more calls.",
    )
    for part in parts:
        assert part in page


async def test_one_is_installed_when_its_word_was_typed(office, admin):
    answer = await post(admin, "install", name=NAME, word="no")
    assert answer.status_code == 422
    assert "type install" in words(answer)
    assert office.updates.asked == []
    answer = await post(admin, "install", name=NAME, word=" Install ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/update?look")
    assert office.updates.asked == [("install", NAME, "admin")]


async def test_it_is_looked_on_at_until_it_is_done(office, admin):
    office.updates.hold = asyncio.Event()
    await post(admin, "install", name=NAME, word="install")
    page = await admin.get("/update?look")
    assert '"/static/wait.js" data-then="/update?look"' in page.text
    assert "40 %: checks it (begun by admin)" in words(page)
    assert "Type install" not in words(page)
    office.updates.hold.set()
    assert "The last one" in words(await admin.get("/update?look"))


async def test_one_is_planned_in_the_machines_zone_and_not_done_after_all(office, admin):
    office.updates._now = lambda: NOON
    at = (NOON + timedelta(days=1)).astimezone(ZoneInfo("Europe/Zurich"))
    answer = await post(admin, "install", name=NAME, word="install", at=f"{at:%Y-%m-%dT%H:%M}")
    assert answer.status_code == 303
    state = await office.updates.state()
    assert state.at == at
    page = words(await admin.get("/update"))
    assert f"{NAME} will be installed on" in page
    assert "planned by admin" in page
    assert (await post(admin, "cancel")).status_code == 303
    assert (await office.updates.state()).done


@pytest.mark.parametrize("at", ["tomorrow", "2026-13-01T00:00", "2026-11-24", "1"])
async def test_a_time_that_is_none_begins_nothing(office, admin, at):
    answer = await post(admin, "install", name=NAME, word="install", at=at)
    assert answer.status_code == 422
    assert "such as 2026-11-24 02:30" in words(answer)
    assert office.updates.asked == []


async def test_a_downgrade_has_to_be_meant(office, admin):
    older = "callisto-0.0.9.app.raucb"
    office.updates.bundles = {older: update(older, "0.0.9")}
    page = await admin.get("/update")
    assert 'name="downgrade"' in page.text
    assert (await post(admin, "install", name=older, word="install")).status_code == 409
    assert (await post(admin, "install", name=older, word="install", downgrade="1")).status_code == 303


async def test_one_that_is_refused_says_why_and_can_only_be_deleted(office, admin):
    refused = replace(update(NAME), state="refused", installable=False, verdict_reason="it is for another")
    office.updates.bundles = {NAME: refused}
    page = await admin.get("/update")
    assert "It is for another." in words(page)
    assert 'action="/update/install"' not in page.text
    assert (await post(admin, "delete", name=NAME)).status_code == 303
    assert office.updates.bundles == {}


async def test_back_and_reboot_want_their_words(office, admin):
    before, runs = "callisto-0.1.0.app.raucb", "callisto-0.3.0.raucb"
    office.updates.bundles = {
        NAME: replace(update(NAME), state="running"),
        before: replace(update(before, "0.1.0"), state="previous"),
        runs: replace(update(runs, "0.3.0", "system"), state="installed"),
    }
    office.updates.lost_rows = ("The store is again as it was.",)
    page = (await admin.get("/update")).text
    assert "The store is again as it was." in page
    for verb in ("back", "reboot"):
        assert f'action="/update/{verb}"' in page
        assert (await post(admin, verb, word="")).status_code == 422
        assert (await post(admin, verb, word=verb)).status_code == 303
    assert [each[0] for each in office.updates.asked] == ["back", "reboot"]


async def test_what_came_of_one_stays_until_it_was_seen(office, admin):
    office.updates.told = [
        Notice("0.1.0 runs again: 0.2.0 did not answer"),
        Notice("make a new backup", kind="backup"),
    ]
    page = words(await admin.get("/update"))
    assert "0.1.0 runs again: 0.2.0 did not answer." in page
    assert "Make a new backup." in page
    await post(admin, "seen")
    page = words(await admin.get("/update"))
    assert "0.1.0 runs again" not in page
    assert "Make a new backup." in page


async def test_one_is_uploaded_and_listed(office, admin):
    office.updates.bundles = {}
    assert "no update on this machine" in words(await admin.get("/update"))
    assert (await upload(admin)).status_code == 201
    assert list(office.updates.bundles) == [NAME]
    assert ("admin", "web", "upload", f"the update {NAME} of {len(RAW)} bytes") in office.notes


@pytest.mark.parametrize(
    ("name", "raw", "status"),
    [
        ("photo.jpg", RAW, 422),
        (".raucb", RAW, 422),
        ("a%2F..%2Fb.raucb", RAW, 404),
        (NAME, b"PK\x03\x04 a zip", 415),
        (NAME, b"hsqs nobody has signed this", 422),
    ],
)
async def test_what_is_no_update_is_refused_and_nothing_is_left_of_it(office, admin, name, raw, status):
    office.updates.bundles = {}
    answer = await upload(admin, name, raw)
    assert answer.status_code == status
    assert office.updates.bundles == {}
    assert not list((office.state / "updates").glob("*"))


async def test_only_administrators_may(office, browser, tmp_path):
    office.state = tmp_path
    assert (await browser.get("/update")).status_code == 303
    assert (await browser.http.put(f"/update/upload/{NAME}", content=RAW)).status_code == 401
    await browser.log_in("help", "battery staple")
    assert (await browser.get("/update")).status_code == 403
    assert (await browser.http.post("/update/reboot", data={"word": "reboot"})).status_code == 403
    assert "Updates" not in words(await browser.get("/"))


async def test_another_site_begins_nothing(office, admin):
    answer = await admin.http.post("/update/reboot", data={"word": "reboot", "key": "x" * 64})
    assert answer.status_code == 403
    assert office.updates.asked == []


async def test_hostile_names_and_notes_are_only_text(office, admin):
    name = "<script>alert(1)</script>.raucb"
    office.updates.bundles = {name: replace(update(name), notes="<b>bold</b>", signer='"><img src=x>')}
    page = (await admin.get("/update")).text
    for part in ("<script>alert", "<b>bold", "<img src=x"):
        assert part not in page


async def test_a_supervisor_that_is_away_is_said(office, admin, monkeypatch):
    async def away() -> None:
        raise SystemUnavailableError("nobody listens")

    monkeypatch.setattr(office.updates, "state", away)
    assert "The supervisor does not answer: nobody listens." in words(await admin.get("/update"))
