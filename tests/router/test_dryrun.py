"""The dry run says what the engine would do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.call import Phone
from router.dryrun import Answer, Course, UnknownGroupError, dry_run, simulate
from router.engine import Engine
from router.events import Announced
from router.model import Contact, Group, Peer, RoutingTable, VipEntry, VipRouting
from router.ports import NO_MEDIA_SERVER, Identity, IncomingCall, LegId
from router.reception import Reception
from tests.fakes.clock import START, FakeClock
from tests.fakes.records import KeptRecords, Published
from tests.fakes.signalling import FakeSignalling
from tests.router.office import AGAIN, AWAY, TRUNK, group, office, overflow_to, person
from tests.router.strategies import groups

SUNDAY = datetime(2026, 11, 22, 3, 0, tzinfo=ZoneInfo("Europe/Zurich"))


def test_explanation_reads_like_the_call_would() -> None:
    board = group(
        AWAY, [person("A", AWAY), "Berta", "Carl"], assistant_timeout=20, overflow=overflow_to("900")
    )
    explanation = dry_run(office(board), "board", "079 123 45 67", SUNDAY)
    assert explanation.text().splitlines() == [
        "If 0791234567 called Board on Sunday, 2026-11-22 at 03:00 and nobody answered:",
        "      0 s  0791234567 calls 200 (Board)",
        "      0 s  assistant 1 of 3, A, is away: not rung",
        "      0 s  manager away: assistant 2 of 3, Berta, rings",
        "     20 s  manager away: assistant 2 of 3, Berta, rang 20 s, no answer",
        "     20 s  manager away: assistant 3 of 3, Carl, rings",
        "     40 s  manager away: assistant 3 of 3, Carl, rang 20 s, no answer",
        "     40 s  overflow: overflow number 900 rings",
        "    220 s  overflow: overflow number 900 rang 180 s, no answer",
        "    220 s  nobody answered within 180 s",
        "    220 s  the overflow number did not take the call: the caller gets 480 Temporarily Unavailable",
    ]
    assert explanation.phones == ("Berta", "Carl", "900")


def test_explanation_as_json_has_the_keys_of_a_call_record() -> None:
    board = group(AWAY, vip_entries=(VipEntry("079T", "best customer"),))
    data = json.loads(json.dumps(dry_run(office(board), "Board", "0791", SUNDAY).as_json()))
    assert data["vip"] is True
    assert (data["result"], data["status"], data["phones"]) == ("busy", 486, ["M"])
    assert data["steps"][0] == {
        "at_s": 0.0,
        "text": "0791 calls 200 (Board); VIP: on the manager's list (079T, best customer)",
    }


def test_expiry_counts_at_the_time_asked_for() -> None:
    board = group(AWAY, ["B"], vip_entries=(VipEntry("079T", expires=SUNDAY),))
    table = office(board)
    assert not dry_run(table, "Board", "0791", SUNDAY).is_vip
    assert dry_run(table, "Board", "0791", SUNDAY - timedelta(seconds=1)).is_vip


def test_unknown_group_is_refused_with_the_nearest_names() -> None:
    table = office(group(name="Board"), group(name="Sales", manager_number="300"))
    with pytest.raises(UnknownGroupError) as refused:
        dry_run(table, "Bord", "1", SUNDAY)
    assert refused.value.hint == "groups: Board"
    with pytest.raises(UnknownGroupError) as refused:
        dry_run(RoutingTable(), "Board", "1", SUNDAY)
    assert refused.value.hint == "no group has a manager number"


# The same decision drives both.


class PlayedSignalling(FakeSignalling):
    """Phones that follow a script of `dryrun`, in the engine's time."""

    def __init__(self, clock: FakeClock, script: list[Answer | None], announcement: Announced) -> None:
        super().__init__()
        self.clock = clock
        self.script = script
        self.announcement = announcement
        self.count = 0

    def dial(self, leg: LegId, *arguments: object, **options: object) -> None:
        super().dial(leg, *arguments, **options)  # type: ignore[arg-type]
        answer = _nth(self.script, self.count)
        self.count += 1
        if answer is None or answer.rings:
            self.clock.call_later(0, lambda: self._listening.ringing(leg))
        if answer is not None:
            self.clock.call_later(answer.after, lambda: self._final(leg, answer))

    def announce(self, leg: LegId, file: str, *, early: bool) -> None:
        super().announce(leg, file, early=early)
        over = self.announcement
        self.clock.call_later(over.at, lambda: self._heard(leg, over.problem))

    def _heard(self, leg: LegId, problem: str) -> None:
        if not self.legs[leg].is_over:
            self._listening.announced(leg, problem)

    def _final(self, leg: LegId, answer: Answer) -> None:
        if self.legs[leg].is_over:
            return
        if answer.status == 200:
            self.legs[leg].state = "answered"
            self._listening.answered(leg)
        else:
            self.legs[leg].state = "refused"
            self._listening.refused(leg, answer.status, answer.reason, answer.contact)


def _nth(script: list[Answer | None], number: int) -> Answer | None:
    return script[number] if number < len(script) else None


answers = st.builds(
    Answer,
    after=st.sampled_from([0.0, 1.0, 7.5, 21.0, 30.0]),
    status=st.sampled_from([200, 302, 302, 404, 480, 486, 486, 488, 503, 600, 603]),
    reason=st.sampled_from(["", NO_MEDIA_SERVER]),
    rings=st.booleans(),
    contact=st.sampled_from(
        ["", "sip:0791234567@10.0.0.9", "sip:200@10.0.0.9", "sip:x@10.0.0.8", "nonsense"]
    ),
)


@given(
    board=st.builds(
        lambda board, entries: replace(board, vip_entries=entries),
        groups(),
        st.sampled_from([(), (VipEntry("079T"),)]),
    ),
    script=st.lists(st.none() | answers, max_size=12),
    caller=st.sampled_from(["0791", "044", "66", "77"]),
    peers=st.sampled_from(
        [
            (),
            (TRUNK,),
            (replace(TRUNK, srtp="require"),),
            (TRUNK, replace(TRUNK, name="other", host="127.0.0.2")),
        ]
    ),
    announcement=st.builds(
        Announced, st.sampled_from([0.0, 3.0, 130.0]), st.sampled_from(["", "no such file"])
    ),
)
@settings(max_examples=400, deadline=None)
def test_dry_run_and_engine_agree_on_any_script(
    board: Group,
    script: list[Answer | None],
    caller: str,
    peers: tuple[Peer, ...],
    announcement: Announced,
) -> None:
    table = office(board, peers=peers)
    planned = _planned(table, board, caller, script, announcement)
    clock, records, published = FakeClock(), KeptRecords(), Published()
    sip = PlayedSignalling(clock, script, announcement)
    sip.listener = Engine(sip, clock, records, published, table)
    leg = sip.invite("200", caller)
    while not (sip.legs[leg].is_over or sip.legs[leg].state == "connected"):
        clock.advance(0.5)
    told = [(data["at_s"], data["text"]) for data in published.of("call", "step")]
    assert told == [(step.at_s, step.text) for step in planned.steps]
    assert sip.dialled() == [_user(phone) for phone in planned.phones]
    assert planned.status == (sip.legs[leg].status or 200)
    if sip.legs[leg].state == "connected":
        sip.hang_up(leg)
    assert records.kept[0]["result"] == planned.result.value
    assert clock.running == 0 or sip.legs_in_use == 0


def _planned(
    table: RoutingTable, board: Group, caller: str, script: list[Answer | None], announcement: Announced
) -> Course:
    reception = Reception(table)
    incoming = IncomingCall(LegId(0), Identity(caller), "200", "", "")
    call = reception.call(board, incoming, START)
    play = lambda number, _phone: _nth(script, number - 1)  # noqa: E731
    return simulate(call, reception, play, announcement=announcement)


def _user(phone: Phone) -> str:
    """The user part of the URI that is dialled."""
    address = phone.person.address or phone.person.number
    return address.removeprefix("sip:").split("@")[0]


def test_vip_by_rank_is_known_to_the_dry_run() -> None:
    board = group(AWAY, ["B"], vip_threshold=3, vip_routing=VipRouting.MANAGER_FIRST, manager_timeout=10)
    table = office(board, contacts=(Contact("Frei", ("0791",), 3),))
    assert dry_run(table, "Board", "0791", SUNDAY).phones == ("M", "B")


def test_rounds_are_bounded() -> None:
    board = group(assistants=["B"], manager_timeout=10, assistant_timeout=10, overflow=AGAIN)
    explanation = dry_run(office(board), "Board", "1", SUNDAY)
    assert explanation.phones == ("M", "B") * 3
    assert explanation.steps[-1].at_s == 60
