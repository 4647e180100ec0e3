"""What is said of an image that was measured wholly, in part, or not at all."""

from __future__ import annotations

import pytest

from firmware.versions import parse_version
from tests.bench.image import NOT, Build, Found, Start, after, marks, reason, section, used_mb
from tests.bench.page import Mark, all_met


def whole() -> Found:
    return Found(
        "cloud",
        fast=False,
        cold=Build(151.4, 240.0, 0.5),
        warm=Build(88.2, 130.0, 1.5),
        slot_mb=134.2,
        start=Start(64.0, 74.3, 2.0),
        memory_mb=250.0,
        outages={"telnet": 41.2, "web": 44.9, "sip": 20.0},
        natively=[
            {"telnet": 1.6, "web": 0.7, "sip": 0.5},
            {"telnet": 1.5, "web": 0.7, "sip": 0.5},
            {"telnet": 3.5, "web": 0.7, "sip": 0.5},
        ],
        load=0.4,
    )


def verdicts(found: Found) -> dict[str, bool | None]:
    return {mark.text.partition(",")[0]: mark.met for mark in marks(found)}


def mark(found: Found, part: str) -> Mark:
    return next(one for one in marks(found) if part in one.text)


def test_each_figure_of_a_whole_run_is_judged() -> None:
    assert verdicts(whole()) == {
        "cold build within 360 s": True,
        "warm build within 90 s": True,
        "slot of at most 140 MB": True,
        "slot of at most 220 MB": None,
        "Telnet banner within 30 s of power": False,
        "at most 300 MB of memory in use after the start": True,
        "an application update is not served for at most 2 s": True,
    }
    assert mark(whole(), "cold").measured == "151 s (CPU 240 s, load 0.5)"


def test_a_slot_is_judged_by_the_mark_of_its_own_kernel() -> None:
    found = whole()
    found.kernel, found.slot_mb = "generic", 231.0
    assert (mark(found, "generic").measured, mark(found, "generic").met) == ("231 MB", False)
    assert (mark(found, "cloud").measured, mark(found, "cloud").met) == (NOT, None)


def test_a_slot_that_was_packed_fast_misses_no_mark() -> None:
    found = whole()
    found.fast, found.slot_mb = True, 176.0
    assert (mark(found, "cloud").measured, mark(found, "cloud").met) == ("176 MB, packed fast", None)


def test_an_outage_is_judged_natively_by_the_service_that_is_missed_longest() -> None:
    outage = mark(whole(), "update")
    assert (outage.measured, outage.met) == ("1.6 s (the median of 3, load 0.4)", True)
    text = section(whole(), ()).text
    assert "| telnet | 1.6, 1.5, 3.5 | 41.2 |" in text
    slow = whole()
    slow.natively = [{"telnet": 2.1, "web": 0.4, "sip": 0.2}]
    assert mark(slow, "update").met is False


def test_an_outage_of_an_emulated_machine_alone_is_judged_by_nobody() -> None:
    found = whole()
    found.natively = []
    assert (mark(found, "update").measured, mark(found, "update").met) == (NOT, None)
    assert "| web | – | 44.9 |" in section(found, ()).text


def test_what_was_not_measured_is_neither_met_nor_missed_and_has_its_reason() -> None:
    found = Found("cloud", fast=False, why={"start": "qemu-system-x86_64 is not installed"})
    one = section(found, ())
    assert all(each.measured == NOT and each.met is None for each in one.marks)
    assert all_met([one])
    assert "start: not measured: qemu-system-x86_64 is not installed" in one.text
    assert "| from nothing but the engine | – | – |" in one.text


@pytest.mark.parametrize(
    ("now", "then"), [("0.1.0", "0.1.1"), ("1.4.0rc2", "1.4.1"), ("2.0.0.dev3", "2.0.1")]
)
def test_the_next_release_is_a_later_one(now: str, then: str) -> None:
    assert after(parse_version(now)) == parse_version(then) > parse_version(now)


def test_memory_in_use_is_what_no_other_could_have() -> None:
    assert used_mb({"host": {"memory_mb": 978, "memory_free_mb": 507}}) == 471


def test_a_reason_is_one_line() -> None:
    assert reason(AssertionError("no banner\nits console:\n...")) == "no banner"
    assert reason(AssertionError()) == "AssertionError"
