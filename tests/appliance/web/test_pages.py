"""The status page and its neighbours: what they show, to whom, and what a browser may do with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import appliance.web
from tests.appliance.web.office import words


async def test_the_page_shows_services_calls_restarts_and_store(browser):
    await browser.log_in()
    page = words(await browser.get("/"))
    assert "All is well" in page
    assert "router ready 3 h 5 min 0 4711" in page
    assert "web ready 1 min 2 4713 exit code 0" in page
    assert "256 now 512 of 2048 call legs in use" in page
    assert "Refused, no leg free 3" in page
    assert "Tue 24 Nov 2026, 21:00 in 2 d 5 h" in page
    assert "done web answers again" in page
    assert "sqlite:///var/callisto.db" in page
    assert "Version 0.1.0" in page


async def test_the_part_that_refreshes_is_the_part_of_the_page(browser):
    await browser.log_in()
    page, part = (await browser.get("/")).text, (await browser.get("/status/part")).text
    assert part.strip() in page
    assert "<html" not in part


async def test_what_needs_attention_stands_on_top(office, browser):
    office.status_now["services"][1]["state"] = "backing off"
    await browser.log_in()
    page = words(await browser.get("/"))
    assert "1 thing needs attention web is backing off" in page
    assert "All is well" not in page


async def test_peers_are_shown_when_there_are_any(office, browser):
    await browser.log_in()
    assert "PBX peers" not in words(await browser.get("/"))
    office.status_now["peers"] = [
        {"name": "pbx1", "address": "10.0.0.1:5060", "state": "down", "registered": False, "problem": "<403>"}
    ]
    page = words(await browser.get("/"))
    assert "pbx1 10.0.0.1:5060 down – not registered: <403>" in page
    assert "peer pbx1 is down: <403>" in page


async def test_the_status_for_programs_is_the_supervisors_own(office, browser):
    await browser.log_in()
    assert (await browser.get("/status.json")).json() == office.status_now


async def test_a_supervisor_that_does_not_answer_is_said(office, browser):
    await browser.log_in()
    office.supervisor_away = True
    assert "The supervisor does not answer no answer within 2 s" in words(await browser.get("/"))
    answer = await browser.get("/status.json")
    assert answer.status_code == 503
    assert "no answer within 2 s" in answer.json()["error"]


async def test_nothing_from_the_status_becomes_markup(office, browser):
    office.status_now["services"][1]["last_exit"] = "<img src=x onerror=alert(1)>"
    office.status_now["host"]["hostname"] = "<b>lab</b>"
    await browser.log_in()
    text = (await browser.get("/")).text
    assert "<img src=x" not in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    "strange",
    [
        {},
        {"services": None, "jobs": 7, "store": [], "spool": "x"},
        {"services": [None, {}, {"name": ["x"], "state": {}, "uptime_s": "long", "facts": 3}]},
        {"services": [{"name": "router", "facts": {"capacity": 0, "legs_in_use": 5}}]},
        {"services": [{"name": "router", "facts": {"capacity": 4, "legs_in_use": 9}}]},
        {"jobs": [{"next_run": "soon", "last_run": 3, "last_result": 5}]},
        {"jobs": [{"next_run": "2026-11-22T02:00:00"}], "started": "9999-12-31T00:00:00+00:00"},
    ],
)
async def test_a_strange_status_is_shown_as_well_as_it_can_be(office, browser, strange):
    await browser.log_in()
    office.status_now = strange
    assert (await browser.get("/")).status_code == 200


async def test_health_needs_no_login_and_no_store(office, browser):
    office.store_away = office.supervisor_away = True
    answer = await browser.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


@pytest.mark.parametrize(
    "path", ["/", "/login", "/healthz", "/status.json", "/status/part", "/nothing", "/static/x"]
)
async def test_every_answer_is_protected_and_kept_by_nobody(browser, path):
    answer = await browser.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


async def test_pages_need_no_inline_script_or_style(browser):
    pages = [await browser.get("/login")]
    await browser.log_in()
    pages += [await browser.get("/"), await browser.get("/nothing")]
    for page in pages:
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page.text)


async def test_whatever_a_page_names_is_there(browser):
    await browser.log_in()
    named = set(re.findall(r'(?:src|href)="(/[^"#]*)"', (await browser.get("/")).text))
    assert {"/static/callisto.css", "/static/status.js", "/static/callisto.svg"} <= named
    for path in named:
        assert (await browser.get(path)).status_code == 200


async def test_static_files_may_be_kept_but_are_asked_for_again(browser):
    first = await browser.get("/static/callisto.css")
    assert first.headers["cache-control"] == "no-cache"
    again = await browser.http.get("/static/callisto.css", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd", "/static/"],
)
async def test_only_static_files_are_given_out(browser, path):
    answer = await browser.get(path)
    assert answer.status_code in (404, 405)


async def test_a_wrong_address_and_a_wrong_method_are_explained(browser):
    assert "There is no such page." in words(await browser.get("/wp-admin"))
    answer = await browser.http.post("/healthz")
    assert answer.status_code == 405
    assert "allow" in answer.headers


async def test_an_error_of_ours_shows_nothing_of_it(office, browser, monkeypatch):
    await browser.log_in()

    async def broken() -> None:
        raise RuntimeError("secret path /var/lib")

    monkeypatch.setattr(office, "status", broken)
    answer = await browser.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


def test_the_script_asks_for_the_part_that_is_no_activity():
    script = (Path(appliance.web.__file__).parent / "static/status.js").read_text(encoding="utf-8")
    assert '"/status/part"' in script
    assert '"/login?reason=idle"' in script
