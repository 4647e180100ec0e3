"""Calls whose speech goes through the media server: is any of it lost, and how evenly does it come?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from appliance.demo.local import HOST, LocalAppliance, free_port
from appliance.demo.phones import end
from db.office import Office, Team, User
from tests.bench.callisto import AVAILABLE, fill
from tests.bench.ears import Ear, ears
from tests.bench.figures import Packet, gaps_ms, missing, percentile
from tests.bench.load import Outcome, phone, place_calls
from tests.bench.page import Mark, Section, at_least, at_most, number
from tests.bench.processes import cpu_s, tree_cpu_s
from tests.bench.systems import AbsentError
from tests.sip.peer import Dialog, Peer, call, peer
from tests.sip.rtp import FRAME_S, PCMU, encoded, tone, where

CALLS, MEASURED = 150, 6
RATE = 15
MEASURE_S = 15
GAP_P99_MS = 25.0
UP_WITHIN_S = 8.0


def measure(
    program: str, folder: Path, conditions: Sequence[str], calls: int = CALLS, seconds: float = MEASURE_S
) -> Section:
    with ExitStack() as running:
        answering = free_port()
        options = ("-rtp_echo", "-mp", str(_media_port()))
        running.callback(end, phone(program, answering, "phone_echoes", folder / "phone", *options))
        appliance = _appliance(folder, answering)
        running.callback(appliance.stop)
        fill(appliance, _OFFICE, folder)
        appliance.start()
        media = appliance.service("media")
        if media["facts"]["capacity"] < 2 * calls:
            raise AbsentError(
                f"the media server carries {media['facts']['capacity']} call legs, not {2 * calls};"
                " make engine builds a large one"
            )
        crowd = _Crowd(program, appliance, calls - MEASURED, seconds, folder)
        running.callback(crowd.join)
        crowd.start()
        heard = running.enter_context(ears(MEASURED))
        running.enter_context(_measured_calls(appliance.sip_port, heard))
        legs = _until(lambda: _legs(appliance), 2 * calls, calls / RATE + UP_WITHIN_S)
        before, cpu = _facts(appliance), (cpu_s(media["pid"]), tree_cpu_s(appliance.pid))
        begun = time.time()
        time.sleep(seconds)
        ended = time.time()
        took = (cpu_s(media["pid"]) - cpu[0], tree_cpu_s(appliance.pid) - cpu[1])
        time.sleep(1.5)  # the facts of the media server are told once a second
        after = _facts(appliance)
        hear = sum(ear.hears_himself for ear in heard)
        packets = [[one for one in ear.packets if begun <= one.at <= ended] for ear in heard]
    lost = after["packets_lost"] - before["packets_lost"]
    heard_of = _Heard(legs, lost, packets, hear, ended - begun)
    engine = f"engine of the media server: {after['engine']}, {after['capacity']} call legs"
    return Section(
        "speech",
        (*conditions, engine),
        _marks(calls, heard_of, crowd.outcome),
        _words(calls, took, heard_of, after),
    )


@dataclass(frozen=True, slots=True)
class _Heard:
    """`legs`: of the media server at once; `lost`: packets on the way to it; `packets`: of each measured
    caller; `hear`: how many of them hear themselves said back."""

    legs: int
    lost: int
    packets: Sequence[Sequence[Packet]]
    hear: int
    seconds: float

    @property
    def gaps(self) -> list[float]:
        return sorted(gap for one in self.packets for gap in gaps_ms(one))


def _marks(calls: int, heard: _Heard, outcome: Outcome | None) -> tuple[Mark, ...]:
    packets = heard.packets
    unheard = sum(missing(one) for one in packets)
    short = sum(len(one) < 0.99 * heard.seconds / FRAME_S for one in packets)
    failed = outcome.failed if outcome else None
    return (
        at_least(f"{calls} calls at once through the media server (two legs each)", heard.legs / 2, calls),
        Mark(
            "each measured caller hears himself said back",
            f"{heard.hear} of {len(packets)}",
            heard.hear == len(packets),
        ),
        Mark("none of them failed", number(failed, 0), None if failed is None else failed == 0),
        Mark("no RTP lost on the way to the media server, of all legs", str(heard.lost), heard.lost == 0),
        Mark(
            f"no RTP lost on the way to the {len(packets)} measured callers",
            f"{unheard} of {sum(map(len, packets))} packets, {short} callers short of speech",
            unheard == 0 and short == 0,
        ),
        at_most(
            f"99 % of the packets within {GAP_P99_MS:g} ms of the one before",
            percentile(heard.gaps, 0.99),
            GAP_P99_MS,
            "ms",
        ),
    )


def _words(calls: int, took: tuple[float, float], heard: _Heard, facts: dict[str, Any]) -> str:
    """`took`: CPU seconds of the media server and of all processes."""
    gaps, seconds = heard.gaps, heard.seconds
    return (
        f"{calls} calls for {seconds:.0f} s, speech both ways: {100 * took[0] / seconds:.0f} % of a core"
        " for the media"
        f" server, {100 * took[1] / seconds:.0f} % for all processes. From packet to packet:"
        f" {number(percentile(gaps, 0.5), 1)} ms (p50), {number(percentile(gaps, 0.95), 1)} ms (p95),"
        f" {number(percentile(gaps, 0.99), 1)} ms (p99), {number(percentile(gaps, 1), 1)} ms at most, by"
        " the kernel's"
        f" time of arrival. Largest jitter that the media server saw: {facts['jitter_max_ms']} ms, from"
        " callers"
        " and phones on the same cores."
    )


class _Crowd:
    """The calls that are not measured: sipp speaks, and the phones say it back."""

    def __init__(
        self, program: str, appliance: LocalAppliance, calls: int, seconds: float, folder: Path
    ) -> None:
        speech = encoded(tone(500, 1.0), PCMU)
        self.outcome: Outcome | None = None
        hold_s = calls / RATE + UP_WITHIN_S + seconds

        def place() -> None:
            self.outcome = place_calls(
                program,
                appliance.sip_port,
                AVAILABLE,
                rate=RATE,
                calls=calls,
                hold_s=hold_s,
                scenario="caller_speaks",
                folder=folder / "crowd",
                files={"speech.ulaw": speech},
            )

        self._thread = Thread(target=place, name="crowd")

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()


@contextmanager
def _measured_calls(port: int, heard: Sequence[Ear]) -> Iterator[None]:
    """A call for each ear, up inside."""
    with ExitStack() as running:
        sides: list[tuple[Peer, Dialog]] = []
        for ear in heard:
            caller = running.enter_context(peer())
            side = call(caller, port, AVAILABLE, sdp=ear.sdp)
            answer = caller.receive(200, within=UP_WITHIN_S)
            side.answered(answer)
            ear.to = where(answer.body)
            sides.append((caller, side))
        yield
        for caller, side in sides:
            side.request("BYE")
            caller.receive(200)


def _appliance(folder: Path, phones: int) -> LocalAppliance:
    """Its callers and its phones press keys in different ways, which is why their speech goes through"
    " it."""
    peers = (
        f"callers={HOST}:{free_port()};dtmf=rfc4733;ping_s=0;priority=2",
        f"phones={HOST}:{phones};dtmf=info;ping_s=0;priority=1",
    )
    return LocalAppliance(folder / "callisto", settings={"CALLISTO_PEERS": ",".join(peers)})


_OFFICE = Office(
    users=(User("anna", "Anna Amsler", "0310000001"),),
    groups=(Team("Sales", AVAILABLE, "anna", need_idle=False),),
)


def _media_port() -> int:
    """An even port with room above it, apart from those that the system gives away."""
    return 2 * (free_port() % 5000) + 10000


def _facts(appliance: LocalAppliance) -> dict[str, Any]:
    facts: dict[str, Any] = appliance.service("media")["facts"]
    return facts


def _legs(appliance: LocalAppliance) -> int:
    return int(_facts(appliance)["legs_in_use"])


def _until(count: Callable[[], int], wanted: int, within_s: float) -> int:
    """The count when it is as wanted, or what it is when the time is over."""
    deadline = time.monotonic() + within_s
    while (found := count()) < wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return found
