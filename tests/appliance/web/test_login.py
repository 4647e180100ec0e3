"""The login window: who comes in, what a guesser learns, and when a session is over."""

from __future__ import annotations

import asyncio
import re

import pytest

from appliance.web.door import INCORRECT, MUST_CHANGE
from shell.throttle import Throttle, Verdict
from tests.appliance.web.office import key_of, words


async def test_the_login_window_answers(browser):
    page = await browser.get("/login")
    assert page.status_code == 200
    assert "User name" in page.text
    assert "Callisto 0.1.0" in page.text


async def test_a_stranger_is_sent_to_the_login_window(browser):
    answer = await browser.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await browser.get("/status/part")).status_code == 401
    assert (await browser.get("/status.json")).json() == {"error": "not logged in"}
    assert (await browser.get("/status.json")).status_code == 401


@pytest.mark.parametrize(
    ("user", "password", "shown"),
    [("admin", "correct horse", "Anna <Keller>"), (" help ", "battery staple", "help")],
)
async def test_the_right_password_opens_the_status(browser, user, password, shown):
    answer = await browser.log_in(user, password)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = await browser.get("/")
    assert page.status_code == 200
    assert shown in words(page)
    assert (await browser.get("/login")).headers["location"] == "/"


async def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(browser):
    answer = await browser.log_in()
    cookie = next(
        each for each in answer.headers.get_list("set-cookie") if each.startswith("callisto_session")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    token = re.match(r"callisto_session=([^;]+)", cookie)
    assert token
    assert len(token[1]) >= 43  # 256 bits in base64


async def test_every_login_gets_a_token_of_its_own(browser):
    await browser.log_in()
    first = browser.http.cookies["callisto_session"]
    await browser.log_out()
    browser.http.cookies.set("callisto_session", first, domain="callisto.local")
    await browser.log_in()
    assert first not in [
        cookie.value for cookie in browser.http.cookies.jar if cookie.domain != "callisto.local"
    ]


async def test_an_unknown_name_and_a_wrong_password_read_the_same(office):
    pages = []
    for user in ("admin", "nobod"):
        page = await office.browser(f"192.0.2.{len(pages) + 1}").log_in(user, "wrong")
        pages.append((page.status_code, re.sub(r'value="[^"]*"', "", page.text), sorted(page.headers.keys())))
        assert INCORRECT in words(page)
    assert pages[0] == pages[1]
    assert pages[0][0] == 403
    assert office.verified == [("admin", "wrong"), ("nobod", "wrong")]


async def test_what_was_typed_comes_back_escaped_and_the_password_never(browser):
    page = await browser.log_in('"><script>alert(1)</script>', "wrong-secret")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "wrong-secret" not in page.text


async def test_a_plain_user_is_told_what_he_lacks_and_stays_outside(browser):
    page = await browser.log_in("berta", "plain")
    assert page.status_code == 403
    assert "berta has neither of the roles administrator and support" in words(page)
    assert not await browser.is_in()


async def test_a_guesser_waits_and_others_do_not(office, browser):
    for _ in range(4):
        assert (await browser.log_in("admin", "guess")).status_code in (403, 429)
    refused = await browser.log_in()
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert "Try again in" in words(refused)
    tried = len(office.verified)
    await browser.log_in()
    assert len(office.verified) == tried, "a refused attempt must not cost a password hash"
    assert (await office.browser("192.0.2.99").log_in()).status_code == 303
    office.at += 400
    assert (await browser.log_in()).status_code == 303


async def test_a_right_password_forgives_the_wrong_ones_before_it(browser):
    for _ in range(4):
        assert (await browser.log_in("admin", "typo")).status_code == 403
        assert (await browser.log_in("admin", "another")).status_code == 403
        assert (await browser.log_in()).status_code == 303
        await browser.log_out()


async def test_a_crowd_of_guessers_is_answered_later(office, monkeypatch):
    class Crowded(Throttle):
        def attempt(self, address: str, now: float) -> Verdict:
            return Verdict(delay_s=3.0)

    waited = []

    async def wait(seconds: float) -> None:
        assert office.verified == [], "first wait, then look at the password"
        waited.append(seconds)

    office.throttle = Crowded()
    monkeypatch.setattr(asyncio, "sleep", wait)
    assert (await office.browser().log_in()).status_code == 303
    assert waited == [3.0]


async def test_logging_in_from_a_second_tab_ends_the_first_session(office, browser):
    second_tab = key_of(await browser.get("/login"))
    await browser.log_in()
    first = browser.http.cookies["callisto_session"]
    fields = {"key": second_tab, "user": "help", "password": "battery staple"}
    assert (await browser.http.post("/login", data=fields)).status_code == 303
    thief = office.browser()
    thief.http.cookies.set("callisto_session", first)
    assert not await thief.is_in()


async def test_a_store_that_is_away_is_not_the_guessers_fault(office, browser):
    await browser.get("/login")
    office.store_away = True
    for _ in range(8):
        page = await browser.log_in()
        assert page.status_code == 503
        assert "the store is locked" in words(page)
    office.store_away = False
    assert (await browser.log_in()).status_code == 303


async def test_logins_go_to_the_audit_trail_without_what_was_typed_as_a_password(office, browser):
    await browser.log_in("admin", "wrong")
    await browser.log_in()
    await browser.log_out()
    assert [(user, channel, action) for user, channel, action, _ in office.notes] == [
        ("", "web", "login failed"),
        ("admin", "web", "login"),
        ("admin", "web", "logout"),
    ]
    assert "wrong" not in office.notes[0][3]


async def test_logging_out_ends_the_session_on_the_server(office, browser):
    await browser.log_in()
    token = browser.http.cookies["callisto_session"]
    answer = await browser.log_out()
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?reason=out")
    assert "You are logged out." in words(await browser.get("/login?reason=out"))
    thief = office.browser()
    thief.http.cookies.set("callisto_session", token)
    assert not await thief.is_in()


@pytest.mark.parametrize("fields", [{}, {"key": "0" * 64}, {"key": "schlüssel"}])
async def test_a_login_form_that_is_not_ours_is_shown_again(office, browser, fields):
    await browser.get("/login")
    page = await browser.http.post("/login", data={**fields, "user": "admin", "password": "correct horse"})
    assert page.status_code == 403
    assert "too old" in words(page)
    assert office.verified == []
    again = await browser.http.post(
        "/login", data={"key": key_of(page), "user": "admin", "password": "correct horse"}
    )
    assert again.status_code == 303


async def test_a_key_without_its_cookie_is_worth_nothing(office, browser):
    key = key_of(await browser.get("/login"))
    other = office.browser()
    page = await other.http.post("/login", data={"key": key, "user": "admin", "password": "correct horse"})
    assert page.status_code == 403


async def test_another_site_cannot_log_somebody_out(browser):
    await browser.log_in()
    for key in ("", "0" * 64, key_of(await browser.get("/login"))):
        assert (await browser.http.post("/logout", data={"key": key})).status_code == 403
    assert await browser.is_in()


async def test_an_idle_user_is_logged_out_after_gwebtimeout(office, browser):
    await browser.log_in()
    office.at += 20 * 60 - 1
    assert (await browser.get("/")).status_code == 200
    office.at += 20 * 60 - 1
    assert await browser.is_in()
    office.at += 1
    assert not await browser.is_in()
    answer = await browser.get("/")
    assert answer.headers["location"] == "/login?reason=idle"
    assert "You were logged out" in words(await browser.get(answer.headers["location"]))


async def test_a_page_that_refreshes_itself_is_no_activity(office, browser):
    await browser.log_in()
    for _ in range(20):
        office.at += 60
        await browser.get("/status/part")
        await browser.get("/status.json")
    assert not await browser.is_in()


async def test_a_changed_gwebtimeout_is_in_force_at_once(office, browser):
    await browser.log_in()
    office.at += 10 * 60
    assert await browser.is_in()
    office.timeout_min = "5"
    assert not await browser.is_in()


async def test_with_gwebtimeout_0_nobody_is_logged_out(office, browser):
    office.timeout_min = "0"
    await browser.log_in()
    office.at += 10 * 365 * 86400
    assert await browser.is_in()


async def test_while_the_store_is_away_the_last_timeout_stays_in_force(office, browser):
    office.timeout_min = "5"
    await browser.log_in()
    await browser.get("/")
    office.store_away = True
    office.at += 5 * 60 - 1
    assert await browser.is_in()
    office.at += 1
    assert not await browser.is_in()


async def test_an_unknown_reason_says_nothing(browser):
    page = await browser.get("/login?reason=<b>you+won</b>")
    assert "you won" not in words(page)


async def test_the_password_of_the_console_is_changed_by_telnet_first(browser, office):
    office.stood_on_console = ("admin", "correct horse")
    answer = await browser.log_in("admin", "correct horse")
    assert answer.status_code == 403
    assert MUST_CHANGE in words(answer)
    office.stood_on_console = ("", "")
    assert (await browser.log_in("admin", "correct horse")).status_code == 303
