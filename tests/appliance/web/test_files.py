"""The page Files: what is on it, who may fetch it, and that nothing else can be fetched by it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import httpx
import pytest

from appliance.web.shelf import KINDS, Shelf
from tests.appliance.web.office import NOW, PEOPLE, Browser, Office, Somebody, words

BUNDLE = "support-20261122-150000.zip"
CAPTURE = "20261122-140000-admin.jsonl"


@pytest.fixture
def state(office: Office, tmp_path: Path) -> Path:
    for folder, name, content in (("support", BUNDLE, b"PK" * 600), ("traces", CAPTURE, b'["x"]\n')):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(content)
        os.utime(tmp_path / folder / name, (NOW.timestamp() - 3600, NOW.timestamp() - 3600))
    (tmp_path / "callisto.db").write_text("precious")
    office.state = tmp_path
    return tmp_path


async def test_it_lists_bundles_and_captures_with_size_and_time(state, browser):
    await browser.log_in()
    page = await browser.get("/files")
    assert f"{BUNDLE} 1.2 kB Sun 22 Nov 2026, 15:00 1 h ago" in words(page)
    assert f"{CAPTURE} 6 bytes" in words(page)
    assert page.headers["cache-control"] == "no-store"


async def test_without_any_it_says_how_to_make_one(browser):
    await browser.log_in()
    page = words(await browser.get("/files"))
    assert "The Telnet command support bundle makes one." in page


@pytest.mark.parametrize(
    ("path", "content"), [(f"support/{BUNDLE}", b"PK" * 600), (f"traces/{CAPTURE}", b'["x"]\n')]
)
async def test_a_file_is_fetched_whole_and_kept_by_nobody(state, office, browser, path, content):
    await browser.log_in()
    answer = await browser.get(f"/files/{path}")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-disposition"] == f'attachment; filename="{path.partition("/")[2]}"'
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("admin", "web", "download", path.partition("/")[2]) in office.notes


async def test_the_page_links_to_what_can_be_fetched(state, browser):
    await browser.log_in()
    links = re.findall(r'href="(/files/[^"]+)"', (await browser.get("/files")).text)
    assert len(links) == 2
    for link in links:
        assert (await browser.get(link)).status_code == 200


async def test_a_stranger_gets_nothing(state, browser):
    for path in ("/files", f"/files/support/{BUNDLE}", "/files/support/x", "/files/x/y"):
        answer = await browser.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")


async def test_somebody_with_support_may_and_a_user_may_not(state, office, browser):
    await browser.log_in("help", "battery staple")
    assert (await browser.get(f"/files/support/{BUNDLE}")).status_code == 200
    other = office.browser()
    await other.log_in("berta", "plain")
    assert (await other.get("/files")).status_code == 303


async def test_whoever_has_lost_his_role_is_refused(state, office, monkeypatch):
    """The login keeps out who has none; the page does not rely on it."""
    monkeypatch.setitem(PEOPLE, ("admin", "correct horse"), Somebody("admin", "", frozenset({"support"})))
    browser = office.browser()
    await browser.log_in()
    monkeypatch.setattr("appliance.web.files.ROLES", frozenset({"administrator"}))
    assert (await browser.get("/files")).status_code == 403
    assert (await browser.get(f"/files/support/{BUNDLE}")).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/files/support/callisto.db",
        "/files/support/../callisto.db",
        "/files/support/..%2fcallisto.db",
        "/files/support/%2e%2e%2fcallisto.db",
        "/files/../callisto.db",
        "/files/run/control.sock",
        "/files/./callisto.db",
        f"/files/support/{BUNDLE}%00",
        f"/files/support/{BUNDLE}%0a",
        f"/files/traces/{BUNDLE}",
        f"/files/support/{CAPTURE}",
        "/files/support/support-20261122-150001.zip",
        "/files/support/",
        "/files//etc/passwd",
    ],
)
async def test_nothing_else_is_given_out(state, browser, path):
    await browser.log_in()
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert "precious" not in answer.text


async def test_neither_links_nor_pipes_nor_folders_are_followed(state, browser):
    folder = state / "support"
    (folder / "support-20261122-000001.zip").symlink_to(state / "callisto.db")
    os.mkfifo(folder / "support-20261122-000002.zip")
    (folder / "support-20261122-000003.zip").mkdir()
    await browser.log_in()
    page = words(await browser.get("/files"))
    for number in (1, 2, 3):
        assert f"support-20261122-00000{number}.zip" not in page
        assert (await browser.get(f"/files/support/support-20261122-00000{number}.zip")).status_code == 404


async def test_only_get_is_taken(state, browser):
    await browser.log_in()
    for method in ("POST", "PUT", "DELETE"):
        answer = await browser.http.request(method, f"/files/support/{BUNDLE}")
        assert answer.status_code == 405
    head = await browser.http.head(f"/files/support/{BUNDLE}")
    assert (head.status_code, head.content) == (200, b"")


async def test_a_capture_that_grows_is_given_as_it_was(state):
    shelf = Shelf(state)
    found = await shelf.open("traces", CAPTURE)
    assert found is not None
    with (state / "traces" / CAPTURE).open("ab") as more:
        more.write(b"more")
    assert b"".join([block async for block in found.blocks()]) == b'["x"]\n'


async def test_a_large_file_comes_in_blocks_and_one_that_is_deleted_meanwhile_whole(state):
    content = os.urandom(1_000_000)
    (state / "support" / BUNDLE).write_bytes(content)
    found = await Shelf(state).open("support", BUNDLE)
    assert found is not None
    (state / "support" / BUNDLE).unlink()
    blocks = [block async for block in found.blocks()]
    assert len(blocks) > 3
    assert b"".join(blocks) == content


async def test_the_names_that_are_given_out_are_those_that_are_made(tmp_path):
    from appliance.support.bundles import Bundles
    from appliance.trace.captures import Captures
    from shell.trace.choice import EVERYTHING
    from shell.trace_ports import Limits

    bundles = Bundles(tmp_path / "support")
    name, file = bundles.begin(1)
    file.close()
    bundles.finish(name)
    begun = Captures(tmp_path / "traces").begin("Anna <Keller>", EVERYTHING, Limits(), {})
    os.close(begun.descriptor)
    shelf = Shelf(tmp_path)
    assert [len(await shelf.rows(kind)) for kind in KINDS] == [1, 1]


async def test_the_status_page_leads_there(browser: Browser):
    await browser.log_in()
    page: httpx.Response = await browser.get("/")
    assert 'href="/files"' in page.text
    assert 'href="/" aria-current="page"' in page.text
