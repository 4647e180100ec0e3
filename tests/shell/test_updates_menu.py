"""Updates in the menu."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from shell.session import converse
from shell.term import plain, width
from tests.fakes.menu import number_of
from tests.fakes.shell_ports import ScriptedTerm
from tests.fakes.updates import RUNNING
from tests.shell.test_session import context, run, talk
from tests.shell.update_office import (
    ADMIN,
    APPLICATION,
    BACKUP,
    OLDER,
    OUTCOME,
    STRANGE,
    SYSTEM,
    done,
    stocked,
)


async def test_the_menu_opens_one_by_its_number_and_installs_it() -> None:
    office, updates = stocked()
    shown = await talk(office, number_of("Updates"), "2", "1", "install", "0", "0", "exit", rich=False)
    assert done(updates) == [("install", APPLICATION)]
    assert "1  Install it now" in shown
    assert "3  Delete it" in shown


async def test_the_menu_plans_cancels_deletes_reboots_and_goes_back() -> None:
    office, updates = stocked()
    menu = number_of("Updates")
    await talk(office, menu, "3", "2", "23:00", "install", "0", "5", "0", "exit", rich=False)
    assert done(updates) == [("install", OLDER)]
    state = await updates.state()
    assert state is not None
    assert state.result == "cancelled by admin"
    await talk(
        office, menu, "4", "1", "yes", "1", "1", "install", "1", "reboot", "0", "0", "exit", rich=False
    )
    assert done(updates)[1:] == [("delete", STRANGE.name), ("install", SYSTEM), ("reboot", "")]
    await run(office, f"update install {OLDER} downgrade force", f"update install {APPLICATION} force")
    shown = await talk(office, menu, "5", "back", "0", "exit", rich=False)
    assert "Back to the version before" in shown
    assert done(updates)[-1] == ("back", OLDER)


async def test_support_sees_the_pages_without_what_it_may_not_do() -> None:
    office, updates = stocked()
    shown = await talk(office, number_of("Updates"), "1", "1", "0", "0", "exit", role="support", rich=False)
    assert "Install it now" not in shown
    assert "% '1' is not one of the numbers" in shown
    assert updates.asked == []


async def test_every_page_fits_a_screen_of_24_rows() -> None:
    office, updates = stocked()
    await run(office, f"update install {OLDER} downgrade force", f"update install {SYSTEM} force")
    updates.told = [OUTCOME, BACKUP]
    updates.hold = asyncio.Event()
    await updates.install(APPLICATION, ADMIN)
    for number in ("", "1", "2", "3", "4"):
        term = ScriptedTerm(number_of("Updates"), number, rich=True, keys=" " * 9)
        await converse(context(office), term)
        page = [plain(line) for line in term.lines]
        starts = [index for index, line in enumerate(page) if line.startswith(" Callisto")]
        for start, end in pairwise((*starts, len(page))):
            assert end - start <= 24, page[start:end]
            assert max(map(width, page[start:end])) <= 80, page[start:end]


async def test_the_page_is_this() -> None:
    office, _ = stocked()
    term = ScriptedTerm(number_of("Updates"), rich=True)
    await converse(context(office), term)
    page = [plain(line).rstrip() for line in term.lines]
    start = [index for index, line in enumerate(page) if line.startswith(" Callisto")][-1]
    assert "\n".join(page[start + 2 :]) == GOLDEN
    assert RUNNING in page[start]


GOLDEN = """\
No.  Version  Kind         State    Size     Update
  1  0.3.0    system       ready    12.3 MB  callisto-system-0.3.0-x86_64.raucb
     Needs a reboot: about 24 s without calls. The store changes from 0005 to
     0006: backups made before cannot be restored.
  2  0.2.0    application  ready    12.3 MB  callisto-0.2.0-x86_64.raucb
     The services start anew: about 2 s without calls. No reboot, no change of
     the store.
  3  0.0.9    application  ready    12.3 MB  callisto-0.0.9-x86_64.raucb
     0.0.9 is older than 0.1.0, which runs
  4  0.4.0    application  refused  0.0 MB   strange.raucb
     it is for debian13-python3.13; this system is debian12-python3.11

  5  How far it is, or what came of the last one
  6  Former updates
  0  Back"""
