"""One stream, many viewers, each with a ring of its own."""

from __future__ import annotations

import asyncio
from typing import Any

from appliance.trace.viewers import PAUSE, Viewer, Viewers
from shell.trace.choice import EVERYTHING, Choice
from shell.trace.record import Record, to_wire
from shell.trace_ports import RING, STALLED_S


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def record(text: str, process: str = "router") -> Record:
    return Record(1.0, process, "info", "log", text)


def batch(first: int | None, *records: Record, **more: Any) -> dict[str, Any]:
    wires = [to_wire(one) for one in records]
    return {
        "process": records[0].process,
        "records": wires,
        **more,
        **({} if first is None else {"first": first}),
    }


def viewers(*choices: Choice) -> tuple[Viewers, list[Viewer]]:
    clock = Clock()
    everybody = Viewers()
    found = [Viewer(choice, clock) for choice in choices]
    for viewer in found:
        everybody.add(viewer)
    return everybody, found


async def texts(viewer: Viewer) -> list[str]:
    return [one.text for one in (await viewer.next()).records]


async def test_a_gap_in_the_ordinals_is_what_was_lost_before_us() -> None:
    everybody, (viewer,) = viewers(EVERYTHING)
    everybody.take(batch(5000, record("a"), record("b")))
    everybody.take(batch(5002, record("c")))
    assert (await viewer.next()).missed == 0
    everybody.take(batch(5010, record("d")))
    found = await viewer.next()
    assert (found.missed, viewer.missed) == (7, 7)


async def test_processes_count_for_themselves_and_a_new_one_counts_anew() -> None:
    everybody, (viewer,) = viewers(EVERYTHING)
    everybody.take(batch(900, record("a")))
    everybody.take(batch(0, record("b", "web")))
    everybody.take(batch(0, record("c")))
    everybody.take(batch(None, record("d")))
    everybody.interrupted()
    everybody.take(batch(50, record("e")))
    assert viewer.missed == 0
    assert await texts(viewer) == ["a", "b", "c", "d", "e"]


async def test_what_was_lost_of_a_process_is_no_loss_for_who_did_not_choose_it() -> None:
    everybody, (viewer,) = viewers(Choice(processes=("web",)))
    everybody.take(batch(0, record("a")))
    everybody.take(batch(9, record("b")))
    assert viewer.missed == 0


async def test_a_bad_record_among_good_ones_is_left_out() -> None:
    everybody, (viewer,) = viewers(EVERYTHING)
    good = to_wire(record("good"))
    everybody.take({"process": "web", "records": [good, ["bad"], None, good]})
    everybody.take({"process": "web", "records": "nonsense"})
    everybody.take({})
    assert await texts(viewer) == ["good", "good"]


async def test_batches_come_at_most_twenty_times_a_second() -> None:
    everybody = Viewers()
    viewer = Viewer(EVERYTHING)
    everybody.add(viewer)
    loop = asyncio.get_running_loop()
    everybody.take(batch(0, record("a")))
    await viewer.next()
    before = loop.time()
    everybody.take(batch(1, record("b")))
    waiting = asyncio.ensure_future(viewer.next())
    await asyncio.sleep(0)
    everybody.take(batch(2, record("c")))
    assert [one.text for one in (await waiting).records] == ["b", "c"]
    assert loop.time() - before >= PAUSE * 0.9


async def test_the_past_comes_before_what_has_come_meanwhile() -> None:
    everybody, (viewer,) = viewers(EVERYTHING)
    everybody.take(batch(0, record("now")))
    viewer.put_before([record("then"), record("later")])
    assert await texts(viewer) == ["then", "later", "now"]


async def test_a_long_past_does_not_drive_out_the_present() -> None:
    _, (viewer,) = viewers(EVERYTHING)
    viewer.put([record("now")] * (RING - 1))
    viewer.put_before([record("old"), record("new")])
    assert (await texts(viewer))[:2] == ["new", "now"]
    assert viewer.missed == 0


async def test_who_takes_nothing_for_a_minute_is_stalled_and_who_waits_is_not() -> None:
    clock = Clock()
    viewer, idle = Viewer(EVERYTHING, clock), Viewer(EVERYTHING, clock)
    waiting = asyncio.ensure_future(idle.next())
    await asyncio.sleep(0)
    viewer.put([record("a")])
    clock.now += STALLED_S
    assert not viewer.is_stalled()
    clock.now += 1
    assert viewer.is_stalled()
    assert not idle.is_stalled()
    waiting.cancel()


async def test_after_the_end_there_is_what_was_left_and_then_nothing() -> None:
    _, (viewer,) = viewers(EVERYTHING)
    viewer.put([record("last")])
    viewer.end("over")
    viewer.end("twice")
    viewer.put([record("too late")])
    found = await viewer.next()
    assert ([one.text for one in found.records], found.ended) == (["last"], "over")
    assert (await viewer.next()).records == ()


async def test_one_that_has_left_gets_nothing() -> None:
    everybody, (viewer, other) = viewers(EVERYTHING, EVERYTHING)
    everybody.remove(viewer)
    everybody.remove(viewer)
    everybody.take(batch(0, record("a")))
    assert await texts(other) == ["a"]
    assert not viewer.is_stalled()
    everybody.remove(other)
    assert not everybody


async def test_one_who_stalls_holds_up_the_stream_for_a_moment_only() -> None:
    everybody = Viewers()
    everybody.add(stalled := Viewer(EVERYTHING))
    loop = asyncio.get_running_loop()
    held = 0.0
    for number in range(100):
        everybody.take(batch(None, *[record(str(number))] * 100))
        began = loop.time()
        await everybody.room()
        held += loop.time() - began
    assert len((await stalled.next()).records) == RING
    assert 0.05 < held < 1.0


async def test_one_who_takes_what_there_is_gets_the_time_for_it() -> None:
    everybody = Viewers()
    everybody.add(viewer := Viewer(EVERYTHING))
    seen: list[str] = []

    async def look() -> None:
        while len(seen) < 10_000:
            seen.extend([one.text for one in (await viewer.next()).records])
            for _ in range(20):  # what a terminal does with it
                await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    for number in range(100):
        everybody.take(batch(None, *[record(str(number))] * 100))
        await everybody.room()
    await asyncio.wait_for(looking, 10)
    assert viewer.missed == 0
