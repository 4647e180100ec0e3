"""Which calls assistants see, and for how long."""

from __future__ import annotations

import pytest

from router.commands import Notify, NotifyAnswered, Withdraw
from router.model import ShowVip, VipRouting
from tests.router.office import AWAY, Script, group, overflow_to


def seen(call: Script) -> list[str]:
    """Who rings, as assistants see it, and how the call leaves their sight."""
    said = []
    for command in call.commands:
        match command:
            case Notify(_, ringing):
                said.append("+".join(ringing))
            case NotifyAnswered(_, name):
                said.append(f"{name} has it")
            case Withdraw(_, why):
                said.append(why)
    return said


def test_assistants_see_who_rings_until_it_is_answered() -> None:
    call = Script(group(AWAY, ["B", "C"], assistant_timeout=20))
    call.offered()
    call.waits(20)
    call.answers("C")
    call.hangs_up()
    assert seen(call) == ["B", "C", "C has it"]


def test_call_is_withdrawn_when_the_caller_hangs_up() -> None:
    call = Script(group(assistants=["B"], ring_parallel=True))
    call.offered()
    call.refuses("M")
    call.hangs_up()
    assert seen(call) == ["M+B", "B", "the caller hung up"]


def test_call_is_withdrawn_at_overflow() -> None:
    call = Script(group(overflow=overflow_to("900")))
    call.offered()
    call.refuses("M")
    assert seen(call) == ["M", "overflow"]


def test_call_that_rings_nobody_is_not_shown() -> None:
    call = Script(group(AWAY))
    call.offered()
    assert seen(call) == []


def test_calls_are_not_shown_where_they_shall_not_be() -> None:
    call = Script(group(show_calls=False))
    call.offered()
    assert seen(call) == []


@pytest.mark.parametrize(
    ("show_calls", "show_vip", "shown"),
    [
        (True, ShowVip.NEVER, None),
        (True, ShowVip.AS_OTHERS, False),
        (True, ShowVip.ANONYMOUS, True),
        (False, ShowVip.AS_OTHERS, None),
        (False, ShowVip.ANONYMOUS, None),
    ],
)
@pytest.mark.parametrize("routing", VipRouting)
def test_vip_calls_are_shown_as_the_group_says(
    *, show_calls: bool, show_vip: ShowVip, shown: bool | None, routing: VipRouting
) -> None:
    """`shown`: None not at all, else whether the caller's identity is left out."""
    board = group(show_calls=show_calls, show_vip_calls=show_vip, vip_routing=routing)
    call = Script(board, vip=True)
    call.offered()
    shows = [command.anonymous for command in call.commands if isinstance(command, Notify)]
    assert shows == ([] if shown is None else [shown])


def test_direct_call_of_an_assistant_is_nobody_elses() -> None:
    call = Script(group(assistants=["B", "C"], assistant_direct=True), member="B")
    call.offered()
    assert seen(call) == []
