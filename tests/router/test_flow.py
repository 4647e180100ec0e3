"""Rules 3 to 6, 8 and 9 of the call flow, one story each."""

from __future__ import annotations

import pytest

from router.call import Call
from router.commands import Result
from router.events import Answered, Leg, Refused, Ringing, TimedOut, TimerId, TimerKind
from router.flow import step
from router.model import Overflow, OverflowKind, Strategy, VipRouting
from router.state import Flow
from router.talking import LONGEST_TALK
from tests.router.office import AGAIN, AWAY, BUSY, DND, NOBODY, Script, group, overflow_to, person

# Rule 4: the manager is available.


def test_available_manager_rings_and_is_connected() -> None:
    call = Script(group(assistants=["B"]))
    assert call.offered() == ["Ring M"]
    assert call.rings("M") == ["alert"]
    call.waits(4)
    assert call.answers("M") == ["connect M"]
    call.waits(60)
    assert call.hangs_up() == []
    assert (call.record().result, call.record().status, call.record().agent) == (Result.ANSWERED, 200, "M")
    assert (call.record().answered, call.record().at) == (4, 64)


def test_manager_who_does_not_answer_in_time_gives_way_to_the_assistants() -> None:
    call = Script(group(assistants=["B", "C"], manager_timeout=15, assistant_timeout=20))
    call.offered()
    assert call.waits(14) == []
    assert call.waits(1) == ["stop M", "Ring B"]
    assert call.waits(20) == ["stop B", "Ring C"]


@pytest.mark.parametrize("status", [486, 600, 603, 480, 408, 503, 404, 302])
def test_busy_or_declining_manager_gives_way_at_once(status: int) -> None:
    call = Script(group(assistants=["B"], manager_timeout=15))
    call.offered()
    assert call.refuses("M", status) == ["Ring B"]


def test_manager_without_a_timeout_rings_until_the_longest_wait() -> None:
    call = Script(group(assistants=["B"]))
    call.offered()
    call.rings("M")
    assert call.waits(179) == []
    assert call.waits(1) == ["stop M", "486"]


def test_first_available_assistant_rings_together_with_the_manager() -> None:
    call = Script(group(assistants=[person("A", AWAY), "B", "C"], ring_parallel=True))
    assert call.offered() == ["Ring M", "Ring B"]
    assert call.answers("B") == ["connect B", "stop M"]


def test_parallel_assistant_rings_on_when_the_manager_is_busy() -> None:
    call = Script(group(assistants=["B", "C"], ring_parallel=True, assistant_timeout=20))
    call.offered()
    call.waits(3)
    assert call.refuses("M") == []
    assert call.waits(16) == []
    assert call.waits(1) == ["stop B", "Ring C"]


def test_parallel_assistant_who_has_rung_long_enough_gives_way_with_the_manager() -> None:
    call = Script(group(assistants=["B", "C"], ring_parallel=True, manager_timeout=25, assistant_timeout=20))
    call.offered()
    assert call.waits(24) == []
    assert call.waits(1) == ["stop M", "stop B", "Ring C"]


def test_parallel_assistant_who_declines_leaves_the_manager_ringing_and_is_not_hunted() -> None:
    call = Script(group(assistants=["B", "C"], ring_parallel=True, manager_timeout=15))
    call.offered()
    assert call.refuses("B", 603) == []
    assert call.waits(15) == ["stop M", "Ring C"]


def test_ringing_in_parallel_needs_two_lines() -> None:
    call = Script(group(assistants=["B"], ring_parallel=True), lines=1)
    assert call.offered() == ["Ring M"]


def test_second_answer_of_two_that_cross_changes_nothing() -> None:
    call = Script(group(assistants=["B"], ring_parallel=True))
    call.offered()
    assert call.answers("M") == ["connect M", "stop B"]
    assert call.answers("B") == []
    assert call.hangs_up() == []
    assert call.record().agent == "M"


# Rule 5: the manager is not available.


@pytest.mark.parametrize("presence", [AWAY, BUSY, DND])
def test_assistants_are_hunted_one_by_one_in_member_list_order(presence: object) -> None:
    call = Script(group(manager=presence, assistants=["B", "C"], assistant_timeout=20))  # type: ignore[arg-type]
    assert call.offered() == ["Ring B"]
    assert call.waits(20) == ["stop B", "Ring C"]
    assert call.waits(20) == ["stop C", "486"]


@pytest.mark.parametrize("status", [486, 603, 480, 503])
def test_busy_declining_or_failing_assistant_gives_way_at_once(status: int) -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C"], assistant_timeout=20))
    call.offered()
    assert call.refuses("B", status) == ["Ring C"]


def test_assistant_whose_leg_is_lost_gives_way() -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C"]))
    call.offered()
    assert call.hangs_up("B") == ["Ring C"]


def test_each_assistant_has_the_whole_timeout() -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C"], assistant_timeout=20))
    call.offered()
    call.waits(15)
    assert call.refuses("B") == ["Ring C"]
    assert call.waits(19) == []
    assert call.waits(1) == ["stop C", "486"]


def test_without_assistant_timeout_the_first_one_rings_until_the_longest_wait() -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C"]))
    call.offered()
    assert call.waits(179) == []
    assert call.waits(1) == ["stop B", "486"]


def test_assistants_who_are_away_or_have_no_phone_are_passed_over() -> None:
    people = [person("A", AWAY), person("B", address=""), "C", person("D", DND), person("E", BUSY), "F"]
    call = Script(group(manager=AWAY, assistants=people, assistant_timeout=20))
    assert call.offered() == ["Ring C"]
    assert call.waits(20) == ["stop C", "Ring F"]


def test_assistant_who_calls_is_not_rung_himself() -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C"]), member="B")
    assert call.offered() == ["Ring C"]


def test_team_without_a_manager_is_hunted_from_the_start() -> None:
    call = Script(group(manager=NOBODY, assistants=["B", "C"], assistant_timeout=10))
    assert call.offered() == ["Ring B"]
    assert call.waits(10) == ["stop B", "Ring C"]


def test_all_assistants_ring_at_once_and_the_first_answer_stops_the_others() -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C", "D"], strategy=Strategy.ALL_AT_ONCE))
    assert call.offered() == ["Ring B", "Ring C", "Ring D"]
    assert call.refuses("B") == []
    assert call.answers("D") == ["connect D", "stop C"]


def test_all_at_once_ends_when_all_have_refused_or_time_is_over() -> None:
    team = group(manager=AWAY, assistants=["B", "C"], strategy=Strategy.ALL_AT_ONCE, assistant_timeout=20)
    refused = Script(team)
    refused.offered()
    assert [*refused.refuses("C"), *refused.refuses("B")] == ["486"]
    unanswered = Script(team)
    unanswered.offered()
    assert unanswered.waits(20) == ["stop B", "stop C", "486"]


def test_all_at_once_rings_as_many_as_there_are_lines() -> None:
    team = group(manager=AWAY, assistants=["B", "C", "D"], strategy=Strategy.ALL_AT_ONCE, assistant_timeout=9)
    call = Script(team, lines=2)
    assert call.offered() == ["Ring B", "Ring C"]
    assert call.waits(9) == ["stop B", "stop C", "Ring D"]


def test_all_at_once_adds_the_others_to_the_parallel_assistant() -> None:
    team = group(
        assistants=["B", "C", "D"], ring_parallel=True, strategy=Strategy.ALL_AT_ONCE, manager_timeout=9
    )
    call = Script(team)
    assert call.offered() == ["Ring M", "Ring B"]
    assert call.waits(9) == ["stop M", "Ring C", "Ring D"]


# Rule 6 and overflow.


def test_nobody_available_overflows_at_once() -> None:
    call = Script(group(manager=DND, assistants=[person("B", AWAY)], overflow=overflow_to("900")))
    assert call.offered() == ["Ring 900"]
    assert call.answers("900") == ["connect 900"]
    call.hangs_up("900")
    assert (call.record().result, call.record().status, call.record().agent) == (Result.OVERFLOW, 200, None)


def test_nobody_available_and_no_overflow_is_unavailable_not_busy() -> None:
    call = Script(group(manager=AWAY, assistants=[], overflow=AGAIN))
    assert call.offered() == ["480"]
    assert call.record().result is Result.REFUSED


def test_overflow_number_that_is_busy_makes_the_caller_busy() -> None:
    call = Script(group(manager=AWAY, overflow=overflow_to("900")))
    call.offered()
    assert call.refuses("900", 486) == ["486"]
    assert call.record().result is Result.OVERFLOW


def test_overflow_number_rings_for_its_own_longest_wait() -> None:
    call = Script(group(overflow=overflow_to("900")))
    call.offered()
    assert call.waits(180) == ["stop M", "Ring 900"]
    assert call.waits(179) == []
    assert call.waits(1) == ["stop 900", "480"]


def test_overflow_to_voicemail_is_busy_and_says_why() -> None:
    call = Script(group(manager=AWAY, overflow=Overflow(OverflowKind.VOICEMAIL, "31")))
    assert call.offered() == ["486"]
    assert call.told()[-1] == (
        "overflow is voicemail 31, and this version has no voicemail: the caller gets 486 Busy Here"
    )


def test_no_overflow_starts_again_three_times_and_then_is_busy() -> None:
    call = Script(group(assistants=["B"], manager_timeout=10, assistant_timeout=10, overflow=AGAIN))
    assert call.offered() == ["Ring M"]
    assert call.waits(60) == ["stop M", "Ring B", "stop B", "Ring M"] * 2 + [
        "stop M",
        "Ring B",
        "stop B",
        "486",
    ]


def test_starting_again_ends_with_the_longest_wait() -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C"], assistant_timeout=50, overflow=AGAIN))
    call.offered()
    assert call.waits(150) == ["stop B", "Ring C", "stop C", "Ring B", "stop B", "Ring C"]
    assert call.waits(30) == ["stop C", "486"]
    assert call.record().at == 180


def test_who_declined_is_not_rung_again_but_who_was_busy_is() -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C"], overflow=AGAIN))
    call.offered()
    assert call.refuses("B", 603) == ["Ring C"]
    assert call.refuses("C", 486) == ["Ring C"]


def test_no_new_round_is_begun_for_nobody() -> None:
    call = Script(group(assistants=[], overflow=AGAIN))
    call.offered()
    assert call.refuses("M", 603) == ["486"]


# Rules 2 and 3: VIP.


@pytest.mark.parametrize("presence", [AWAY, BUSY, DND])
def test_vip_reaches_the_manager_whatever_his_presence(presence: object) -> None:
    call = Script(group(manager=presence, assistants=["B"]), vip=True)  # type: ignore[arg-type]
    assert call.offered() == ["Ring M"]


def test_vip_for_the_manager_only_never_reaches_an_assistant() -> None:
    settings = {"manager_timeout": 10, "ring_parallel": True, "vip_routing": VipRouting.MANAGER_ONLY}
    call = Script(group(manager=AWAY, assistants=["B"], **settings), vip=True)
    assert call.offered() == ["Ring M"]
    assert call.waits(179) == []
    assert call.waits(1) == ["stop M", "486"]


def test_vip_for_the_manager_only_goes_to_overflow_when_he_declines() -> None:
    call = Script(group(manager=AWAY, assistants=["B"], overflow=overflow_to("900")), vip=True)
    call.offered()
    assert call.refuses("M", 603) == ["Ring 900"]


def test_vip_for_the_manager_first_goes_on_to_the_assistants() -> None:
    settings = {"manager_timeout": 10, "vip_routing": VipRouting.MANAGER_FIRST}
    call = Script(group(manager=DND, assistants=["B"], **settings), vip=True)
    assert call.offered() == ["Ring M"]
    assert call.waits(10) == ["stop M", "Ring B"]


def test_vip_as_an_ordinary_call_respects_the_managers_presence() -> None:
    call = Script(group(manager=AWAY, assistants=["B"], vip_routing=VipRouting.AS_OTHERS), vip=True)
    assert call.offered() == ["Ring B"]


# Rule 8.


def test_assistant_connected_directly_reaches_the_manager_and_nobody_else() -> None:
    team = group(manager=DND, assistants=["B", "C"], assistant_direct=True, overflow=overflow_to("900"))
    call = Script(team, member="B")
    assert call.offered() == ["Ring M"]
    assert call.refuses("M", 603) == ["603"]


def test_direct_connection_is_for_assistants_only() -> None:
    call = Script(group(manager=DND, assistants=["B"], assistant_direct=True))
    assert call.offered() == ["Ring B"]


# Rule 9.


def test_caller_who_hangs_up_stops_every_phone() -> None:
    call = Script(group(assistants=["B"], ring_parallel=True))
    call.offered()
    call.waits(7)
    assert call.hangs_up() == ["stop M", "stop B"]
    assert (call.record().result, call.record().status) == (Result.ABANDONED, 487)


def test_caller_who_hangs_up_before_anything_was_done_leaves_a_record() -> None:
    call = Script(group())
    assert call.hangs_up() == []
    assert call.record().result is Result.ABANDONED


def test_phone_that_hangs_up_ends_the_connected_call() -> None:
    call = Script(group())
    call.offered()
    call.answers("M")
    call.waits(30)
    call.hangs_up("M")
    assert call.record().result is Result.ANSWERED
    assert call.told()[-1] == "connected for 30 s, then M hung up"


def test_late_timer_changes_nothing() -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C"], assistant_timeout=20))
    call.offered()
    late = next(timer for timer in call.timers if timer.kind is TimerKind.PHONE)
    call.refuses("B")
    assert call.happens(TimedOut(20, late)) == []
    call.answers("C")
    for timer in [late, TimerId(TimerKind.CALL, 1), TimerId(TimerKind.PHONE, 77)]:
        assert call.happens(TimedOut(21, timer)) == []


def test_late_messages_of_a_phone_that_was_stopped_change_nothing() -> None:
    call = Script(group(manager=AWAY, assistants=["B", "C"], assistant_timeout=20))
    call.offered()
    call.waits(20)
    for late in (Ringing(21, Leg(1)), Answered(21, Leg(1)), Refused(21, Leg(1), 487), Answered(21, Leg(99))):
        assert call.happens(late) == []


def test_call_whose_end_was_lost_is_ended_after_half_a_day() -> None:
    call = Script(group())
    call.offered()
    call.answers("M")
    assert call.waits(LONGEST_TALK - 1) == []
    call.waits(1)
    assert call.record().result is Result.ANSWERED
    assert "ended as forgotten" in call.told()[-1]


def test_caller_hears_ringing_once() -> None:
    call = Script(group(assistants=["B"], ring_parallel=True))
    call.offered()
    assert [*call.rings("B"), *call.rings("M"), *call.rings("B")] == ["alert"]


def test_states_are_values() -> None:
    flow = Flow.of(Call(group(), "1"))
    first, _ = step(flow, Ringing(0, Leg(1)))
    assert first == flow
