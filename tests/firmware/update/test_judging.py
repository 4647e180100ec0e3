"""May it be installed, and what would it do: as a table, and as rules that hold for all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.update.judging import Running, Verdict, duration, judged
from firmware.update.sheet import COMPATIBLE, RESTARTS, Kind, Sheet
from firmware.versions import parse_version
from tests.firmware.update.bundles import SHEET, SYSTEM

HERE = Running("1.3.0", "0005", "debian12-python3.11", "A")
versions = st.sampled_from(["1.2.9", "1.3.0.dev1", "1.3.0rc1", "1.3.0", "1.3.1", "2.0.0"])
schemas = st.sampled_from(["0001", "0004", "0005", "0006"])
bases = st.sampled_from(["debian12-python3.11", "debian13-python3.13", ""])
kinds: st.SearchStrategy[Kind] = st.sampled_from(["system", "application"])


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    kind = draw(kinds)
    oldest, newest = sorted([draw(schemas), draw(schemas)])
    return replace(
        SHEET,
        kind=kind,
        kernel=draw(st.sampled_from(["cloud", "generic"])) if kind == "system" else "",
        restart=RESTARTS[kind],
        version=draw(versions),
        compatible=draw(st.sampled_from([*COMPATIBLE.values(), "fridge-x86_64"])),
        base=draw(bases.filter(bool)),
        schema=newest,
        oldest_schema=oldest,
    )


machines = st.builds(
    Running,
    version=st.one_of(versions, st.just("unknown")),
    schema=st.one_of(schemas, st.just("")),
    base=bases,
    slot=st.sampled_from(["", "A", "B"]),
    application=st.sampled_from(["", "callisto-1.3.0.app.raucb"]),
    kernel=st.sampled_from(["", "cloud", "generic"]),
)


def test_a_newer_application_is_installed() -> None:
    assert judged(SHEET, HERE) == Verdict(
        installable=True,
        effects=(
            "Application: 1.3.0 to 1.4.0. The system below it stays.",
            "The services start anew: nobody is served for about 2 s, and calls are cut.",
            "The store stays as it is.",
        ),
    )


def test_a_newer_system_with_a_newer_store_says_what_that_means() -> None:
    verdict = judged(
        replace(SYSTEM, schema="0007", oldest_schema="0003"),
        replace(HERE, application="callisto-1.3.0.app.raucb"),
    )
    assert verdict.installable
    assert verdict.effects == (
        "System and application: 1.3.0 to 1.4.0, into the other slot.",
        "It runs after a reboot: nobody is served for about 60 s, and calls are cut. "
        "Until then nothing changes.",
        "The store goes from schema 0005 to 0007. If 1.4.0 does not answer, 1.3.0 comes back with the "
        "store as it was.",
        "Backups made afterwards cannot be restored by 1.3.0.",
        "Backups with a schema older than 0003 can no longer be restored.",
        "The application update that runs now is replaced by the application of this system.",
    )


@pytest.mark.parametrize(
    ("sheet", "running", "reason"),
    [
        (replace(SHEET, compatible="fridge-x86_64"), HERE, "it is for fridge-x86_64"),
        (replace(SHEET, compatible=SYSTEM.compatible), HERE, "it is for callisto-x86_64"),
        (SHEET, replace(HERE, slot=""), "not made from an image"),
        (SHEET, replace(HERE, base="debian13-python3.13"), "needs a system with debian12-python3.11"),
        (SYSTEM, replace(HERE, kernel="generic"), "it has the kernel cloud"),
        (replace(SYSTEM, kernel=""), replace(HERE, kernel="generic"), "it has the kernel of another kind"),
        (SHEET, replace(HERE, schema="0006"), "the store has schema 0006"),
        (SYSTEM, replace(HERE, schema="0006"), "the store has schema 0006"),
        (replace(SHEET, oldest_schema="0004"), replace(HERE, schema="0003"), "from schema 0004 on"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason_and_the_way_out(
    sheet: Sheet, running: Running, reason: str
) -> None:
    verdict = judged(sheet, running)
    assert not verdict.installable
    assert not verdict.allows(downgrade=True)
    assert reason in verdict.reason
    assert verdict.hint


def test_an_application_runs_on_any_kernel() -> None:
    assert judged(SHEET, replace(HERE, kernel="generic")).installable
    assert judged(SYSTEM, replace(HERE, kernel="cloud")).installable


def test_a_system_brings_its_own_base() -> None:
    assert judged(SYSTEM, replace(HERE, base="debian11-python3.9")).installable


def test_an_older_version_waits_for_the_word() -> None:
    verdict = judged(replace(SHEET, version="1.3.0rc1"), HERE)
    assert verdict.installable
    assert verdict.downgrade
    assert verdict.reason == "1.3.0rc1 is older than 1.3.0, which runs here"
    assert not verdict.allows(downgrade=False)
    assert verdict.allows(downgrade=True)


def test_the_same_version_is_said() -> None:
    verdict = judged(replace(SHEET, version="1.3.0"), HERE)
    assert verdict.allows(downgrade=False)
    assert verdict.effects[0] == "Application: 1.3.0 again. The system below it stays."


@given(sheets(), machines)
def test_rules_that_hold_for_all(sheet: Sheet, running: Running) -> None:
    verdict = judged(sheet, running)
    assert verdict.effects
    assert all(line.isprintable() and line.endswith(".") for line in verdict.effects)
    # A reason exactly when something is in the way, and never without a way out.
    assert bool(verdict.reason) == (not verdict.allows(downgrade=False)) == bool(verdict.hint)
    if not verdict.installable:
        assert not verdict.downgrade
        return
    assert running.slot
    assert sheet.compatible == COMPATIBLE[sheet.kind]
    assert sheet.kind == "system" or sheet.base == running.base
    assert sheet.kind == "application" or running.kernel in ("", sheet.kernel)
    assert sheet.schema >= running.schema
    if running.version != "unknown":
        assert verdict.downgrade == (parse_version(sheet.version) < parse_version(running.version))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.1 s"), (1.44, "1.4 s"), (2, "2 s"), (45.4, "45 s"), (99, "99 s"), (100, "2 min"), (180, "3 min")],
)
def test_an_estimate_has_no_more_digits_than_it_is_worth(seconds: float, words: str) -> None:
    assert duration(seconds) == words
