"""Support bundles on the terminal."""

from __future__ import annotations

import asyncio

import pytest

from shell.pages.support import size
from shell.session import converse
from shell.support_ports import SupportRefusedError
from tests.fakes.shell_ports import CTRL_C, Office, ScriptedTerm
from tests.shell.test_session import context, run

NAME = "support-20261124-120000.zip"


async def test_a_bundle_is_made_named_and_listed() -> None:
    office = Office()
    shown = await run(office, "support bundle", "show bundles")
    assert f"{NAME}, 12.3 kB, is ready." in shown
    assert "2026-11-24" in shown.partition("show bundles")[2]
    assert office.audit.said("support bundle") == [NAME]
    assert max(len(line) for line in shown.splitlines()) <= 90


async def test_parts_that_are_missing_are_named() -> None:
    office = Office()
    office.support.missing = ("store.json: the store is locked",)
    assert "missing: store.json: the store is locked" in await run(office, "support bundle")


async def test_somebody_with_support_may_make_one_but_not_delete() -> None:
    office = Office()
    shown = await run(office, "support bundle", f"support delete {NAME}", role="support")
    assert "is ready" in shown
    assert "may read but not change" in shown
    assert len(office.support.kept) == 1


async def test_it_is_deleted() -> None:
    office = Office()
    shown = await run(
        office, "support bundle", f"support delete {NAME}", "show bundles", "support delete x.zip"
    )
    assert f"{NAME} is deleted" in shown
    assert "There is none" in shown
    assert "% there is no bundle 'x.zip'" in shown


async def test_what_cannot_be_is_said_with_the_way_out() -> None:
    office = Office()
    office.support.failure = SupportRefusedError("the disk has no room", "make room")
    shown = await run(office, "support bundle")
    assert "% the disk has no room\n  make room" in shown


async def test_ctrl_c_cancels_it() -> None:
    office = Office()
    office.support.hold = asyncio.Event()
    terminal = ScriptedTerm("support bundle")
    terminal.press(CTRL_C)
    async with asyncio.timeout(10):
        await converse(context(office), terminal, script=True)
    assert "Cancelled; nothing is left of it." in terminal.shown
    assert office.support.cancelled == 1
    assert office.support.kept == []


@pytest.mark.parametrize(("count", "shown"), [(7, "7 bytes"), (12_345, "12.3 kB"), (3_400_000, "3.4 MB")])
def test_sizes_are_for_people(count: int, shown: str) -> None:
    assert size(count) == shown
