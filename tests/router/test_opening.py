"""Who is rung first."""

from __future__ import annotations

import pytest

from router.call import Call, Why
from router.model import Presence, VipRouting
from router.opening import opening
from router.vip import Vip
from tests.router.office import AWAY, DND, NOBODY, Script, group

VIP = Vip(rank=5, threshold=3)


@pytest.mark.parametrize(
    ("fields", "why", "rings"),
    [
        ({}, Why.AVAILABLE, True),
        ({"manager": AWAY}, Why.AWAY, False),
        ({"manager": Presence.BUSY}, Why.BUSY, False),
        ({"manager": DND}, Why.DND, False),
        ({"manager": NOBODY}, Why.TEAM, False),
        ({"vip": VIP, "manager": DND}, Why.VIP, True),
        ({"vip": VIP, "manager": DND, "vip_routing": VipRouting.AS_OTHERS}, Why.DND, False),
        ({"member": "M"}, Why.CALLER, False),
        ({"member": "B"}, Why.ONE_BUTTON, True),
        ({"member": "B", "manager": AWAY}, Why.AWAY, False),
        ({"member": "B", "manager": AWAY, "assistant_direct": True}, Why.DIRECT, True),
        ({"member": "B", "manager": NOBODY, "assistant_direct": True}, Why.TEAM, False),
    ],
)
def test_manager_rings_or_does_not_for_a_reason(fields: dict[str, object], why: Why, *, rings: bool) -> None:
    of_call = {name: fields[name] for name in ("vip", "member") if name in fields}
    of_group = {name: value for name, value in fields.items() if name not in of_call}
    found = opening(Call(group(assistants=["B"], **of_group), "1", **of_call))  # type: ignore[arg-type]
    assert (found.why, found.manager is not None) == (why, rings)


@pytest.mark.parametrize("status", [486, 603])
def test_one_button_call_is_a_direct_call(status: int) -> None:
    call = Script(group(assistants=["B", "C"], ring_parallel=True, announcement="/a.wav"), member="B")
    assert call.offered() == ["Ring M"]
    assert call.refuses("M", status) == [str(status)]


def test_one_button_call_to_an_absent_manager_reaches_another_assistant() -> None:
    call = Script(group(AWAY, ["B", "C"]), member="B")
    assert call.offered() == ["Ring C"]
