"""Processes and the store: what is changed in it, and what goes on without it."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from datetime import UTC, datetime, timedelta

from appliance.demo.local import LocalAppliance
from db.variables.states import Actor
from router.spool import Spool
from router.table import decode
from tests.appliance.processes.running import Make, is_new, pids, store_of
from tests.appliance.waiting import until


def test_a_change_on_trial_is_undone_though_the_shell_was_killed(shared: LocalAppliance) -> None:
    with store_of(shared) as store:
        admin = Actor("admin", "192.0.2.7:4000", "telnet")
        change = store.variables.set("gWebTimeout", "3", admin, trial=timedelta(seconds=2))
        os.kill(pids(shared)["shell"], signal.SIGKILL)
        until(lambda: store.variables.get("gWebTimeout").value == "20")
        undone, *_ = store.variables.history()
        assert undone.undoes == change.id
        assert (undone.at - change.at).total_seconds() >= 1.9
    said = f"change {change.id} of gWebTimeout: nobody confirmed it: it is undone"
    until(lambda: said in shared.log.read_text())
    until(shared.ready)


def test_a_change_on_trial_is_undone_by_the_next_start_when_everything_was_killed(appliance: Make) -> None:
    one = appliance()
    one.start()
    admin = Actor("admin", "192.0.2.7:4000", "telnet")
    with store_of(one) as store:
        change = store.variables.set("gWebTimeout", "2", admin, trial=timedelta(seconds=2))
        os.kill(one.pid, signal.SIGKILL)
        one.wait(5)
        assert [trial.change for trial in store.variables.waiting()] == [change]
        until(lambda: datetime.now(UTC) > change.at + timedelta(seconds=2))
        assert store.variables.get("gWebTimeout").value == "2"
        one.start()
        assert store.variables.get("gWebTimeout").value == "20"
        undone, *_ = store.variables.history()
        assert (undone.undoes, undone.actor) == (change.id, Actor("", "", "system"))
        assert [trial.change.id for trial in store.variables.untold("admin")] == [change.id]


def test_a_change_of_a_variable_reaches_the_router_and_the_plans(shared: LocalAppliance) -> None:
    one = shared
    with store_of(one) as store:
        before = store.revision()
        store.variables.set("gStripCallerID", "3", Actor("admin", "", "cli"))
        store.variables.set("gWebServerRestart", "127,02:00", Actor("admin", "", "cli"))
    until(lambda: one.service("router")["facts"]["revision"] > before)
    until(lambda: (one.status() or {"jobs": [{"next_run": None}]})["jobs"][0]["next_run"])
    assert decode((one.state / "routing.json").read_bytes()).settings.strip_caller_id == 3


def test_a_store_that_is_lost_stops_neither_calls_nor_the_supervisor_and_is_used_again(
    appliance: Make,
) -> None:
    one = appliance()
    one.start()
    router = pids(one)["router"]
    alter(one, "ALTER TABLE revision RENAME TO away")
    until(lambda: (one.status() or {"store": {}})["store"].get("error"))
    os.kill(router, signal.SIGKILL)
    until(lambda: is_new(one, router))
    assert one.service("router")["facts"]["groups"] == 2
    alter(one, "ALTER TABLE away RENAME TO revision")
    until(lambda: "error" not in (one.status() or {"store": {"error": ""}})["store"])
    until(lambda: "store: works again" in one.log.read_text())
    assert one.log.read_text().count("ERROR supervisor: store: ") == 1


def alter(one: LocalAppliance, statement: str) -> None:
    import pysqlite3

    with closing(pysqlite3.connect(str(one.state / "callisto.db"), timeout=10, isolation_level=None)) as raw:
        raw.execute(statement)


def test_a_start_without_the_store_routes_by_the_last_table(appliance: Make) -> None:
    one = appliance()
    one.start()
    one.stop()
    (one.state / "callisto.db").write_bytes(b"this is no database" * 1000)
    for rest in one.state.glob("callisto.db-*"):
        rest.unlink()
    one.launch()
    until(lambda: one.service("router").get("facts", {}).get("groups") == 2, within=20)
    found = one.status()
    assert found
    assert found["store"]["error"]
    one.interrupt()
    assert one.wait(6) == 0


def test_a_first_start_without_a_store_is_refused(appliance: Make) -> None:
    one = appliance(CALLISTO_STORE_URL="postgresql://nobody@127.0.0.1:9/callisto")
    done = one.callisto("run")
    assert done.returncode == 2
    assert done.stderr.count("store_url: ") == 1
    assert "Traceback" not in done.stderr


def test_call_records_are_stored_once_over_kills_of_the_supervisor(appliance: Make) -> None:
    one = appliance()
    one.state.mkdir(parents=True)
    moment = "2026-11-22T10:00:00+00:00"
    written = 0
    for _ in range(4):
        spool = Spool(one.state / "spool")
        for _ in range(300):
            spool.append({"id": f"call-{written}", "started": moment, "ended": moment})
            written += 1
        spool.close()
        one.launch()
        until((one.state / "callisto.db").exists)
        os.kill(one.pid, signal.SIGKILL)  # wherever it is just now
        one.wait(5)
    one.start()
    with store_of(one) as store:
        until(lambda: store.calls.count() == written)
    until(lambda: len(list((one.state / "spool").iterdir())) == 1)
    assert one.status()["spool"] == {"pending": 0}  # type: ignore[index]
