"""The appliance with real processes, on free ports beside simulated phones, stopped whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.demo.local import LocalAppliance
from appliance.demo.phones import ANSWERS, Phone
from db import transfer
from tests import needs
from tests.journeys import rules
from tests.journeys.office import PHONES, office
from tests.sip.peer import Peer, peer


@dataclass(frozen=True, slots=True)
class Stage:
    """An appliance that is ready, and its phones by user. The phone of hans does what a test says; it is the
    PBX too."""

    appliance: LocalAppliance
    phones: dict[str, Phone]
    hans: Peer
    folder: Path


def set_up(folder: Path, running: ExitStack) -> Stage:
    needs.sipp()
    needs.pjsua2()
    phones = {user: running.enter_context(Phone(user, ANSWERS, folder)) for user in PHONES}
    hans = running.enter_context(peer())
    settings = {"CALLISTO_TRUNK": f"localhost:{hans.port}"}
    appliance = running.enter_context(LocalAppliance(folder / "appliance", settings=settings))
    file = folder / "office.yaml"
    addresses = {**{user: phone.uri for user, phone in phones.items()}, "hans": hans.uri}
    file.write_text(transfer.dump(office(addresses)), encoding="utf-8")
    imported = appliance.callisto("import", str(file))
    assert imported.returncode == 0, imported.stderr
    appliance.start()
    return Stage(appliance, phones, hans, folder)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all tests of a file: for tests that leave it as it was."""
    with ExitStack() as running:
        yield set_up(tmp_path_factory.mktemp("stage"), running)


@pytest.fixture
def own_stage(tmp_path: Path) -> Iterator[Stage]:
    """For a test that kills or stops something."""
    with ExitStack() as running:
        yield set_up(tmp_path, running)


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Callable[..., LocalAppliance]]:
    """Makes appliances without phones, not started yet."""
    with ExitStack() as running:

        def make(**settings: str) -> LocalAppliance:
            folder = tmp_path / f"appliance{len(made)}"
            made.append(running.enter_context(LocalAppliance(folder, settings=settings)))
            return made[-1]

        made: list[LocalAppliance] = []
        yield make


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rules.Site]:
    """One appliance for all tests of the rules: each imports its own office."""
    with rules.site(tmp_path_factory.mktemp("site")) as one:
        yield one


@pytest.fixture
def desk(site: rules.Site) -> Iterator[rules.Desk]:
    with rules.desk(site) as one:
        yield one


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Function, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failed journey without the appliance's log is a riddle."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        for name in ("stage", "own_stage", "site"):
            given = getattr(item, "funcargs", {}).get(name)
            if given is not None:
                report.sections.append(("appliance log", given.appliance.log_end(80)))
