"""The repair as a job of the supervisor: one at a time, web stopped and started whatever happens."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.control.client import ControlClient
from appliance.control.maintenance import ControlRepair, handlers
from appliance.control.protocol import RefusedError
from appliance.control.server import ControlServer
from appliance.maintenance import Maintenance
from appliance.roles.supervisor import service_environment
from appliance.services.ports import Unit
from db.repair.steps import Step
from db.store import prepare
from shell.repair_ports import RepairRefusedError
from tests.db import big_store, corrupt
from tests.fakes.services import FakeServices
from tests.postgres import fresh_database

WEB = [("stop", Unit.WEB), ("start", Unit.WEB)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """With a damaged store."""
    path = tmp_path / "callisto.db"
    big_store.make(path, 300)
    corrupt.damaged(path, path, corrupt.schema, 1)
    return Config.load({"CALLISTO_STATE": str(tmp_path)}, tmp_path)


@pytest.fixture
async def services() -> FakeServices:
    return FakeServices()


@pytest.fixture
async def maintenance(config: Config, services: FakeServices) -> AsyncIterator[Maintenance]:
    made = Maintenance(config, service_environment(), services, lambda: 900)
    yield made
    await made.close()


@pytest.fixture
async def port(maintenance: Maintenance, tmp_path: Path) -> AsyncIterator[ControlRepair]:
    path = tmp_path / "control.sock"
    async with ControlServer(path, handlers(maintenance)), ControlClient(path) as control:
        yield ControlRepair(control)


async def test_it_is_begun_followed_and_told_over_the_control_socket(
    port: ControlRepair, services: FakeServices, maintenance: Maintenance
) -> None:
    told: list[str] = []

    def publish(topic: str, data: Mapping[str, object]) -> None:
        assert isinstance(data["job"], dict)
        told.append(f"{topic} {data['job']['step']}")

    maintenance.publish = publish
    assert await port.state() is None
    assert (await port.check()).verdict == "damaged"
    await port.start("admin")
    with pytest.raises(RepairRefusedError, match="admin has begun a repair already"):
        await port.start("berta")
    states = [state async for state in port.follow()]
    assert states[-1].done
    assert "repaired: " in states[-1].result
    assert [state.percent for state in states] == sorted(state.percent for state in states)
    assert services.asked == WEB
    (report,) = await port.reports()
    assert (report["who"], report["whole"]) == ("admin", True)
    assert report["revision"] > 900
    assert told[0] == "maintenance STOP_WEB"
    assert told[-1] == "maintenance DONE"


async def test_a_repairer_that_is_killed_leaves_the_store_as_it_was_and_web_is_started(
    maintenance: Maintenance, services: FakeServices, config: Config
) -> None:
    path = config.state / "callisto.db"
    before = path.read_bytes()
    maintenance.begin("admin", force=False)
    while maintenance.job is None or maintenance.job.step in (Step.STOP_WEB,):
        await maintenance.after(Step.STOP_WEB)
    for pid in children(os.getpid(), "repairer"):
        os.kill(pid, 9)
    async with asyncio.timeout(30):
        await maintenance.ended()
    job = maintenance.job
    assert job is not None
    assert services.asked == WEB
    if job.step is Step.UNDONE:  # else it was quicker than the kill
        assert path.read_bytes() == before
        assert "killed" in job.result


def children(parent: int, role: str) -> list[int]:
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        for pid in map(int, task.read_text().split()):
            if role.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


async def test_a_store_without_room_is_left_as_it_was(
    maintenance: Maintenance, services: FakeServices, config: Config
) -> None:
    shutil.rmtree(config.repairs, ignore_errors=True)
    config.repairs.write_text("no folder")
    with pytest.raises(OSError, match="exists"):
        maintenance.begin("admin", force=False)
    assert services.asked == []


async def test_a_server_makes_its_indexes_anew_and_web_runs_on(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_database(request, prepare)
    config = Config.load({"CALLISTO_STATE": str(tmp_path), "CALLISTO_STORE_URL": url}, tmp_path)
    services = FakeServices()
    made = Maintenance(config, service_environment(), services, lambda: None)
    assert (await made.check()).verdict == "sound"
    made.begin("admin", force=True)
    await made.ended()
    assert made.job is not None
    assert made.job.step is Step.DONE, made.job
    (report,) = await made.reports()
    assert (report["how"], report["whole"]) == ("server", True)
    assert "pk_call" in report["notes"][0]
    assert services.asked == []
    await made.close()


async def test_no_repair_begins_while_the_store_is_compacted(config: Config, services: FakeServices) -> None:
    made = Maintenance(config, {}, services, lambda: None, busy=lambda: "the store is being compacted")
    with pytest.raises(RefusedError, match="compacted"):
        made.begin("admin", force=False)
    assert made.job is None
    await made.close()
