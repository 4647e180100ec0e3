"""What a flow asks itself: who is left to be rung, who is not rung and why."""

from __future__ import annotations

from router import hunting
from router.call import Call, Phone, Role, Skip, Why
from router.state import Flow


def candidates(flow: Flow) -> tuple[Phone, ...]:
    """The assistants still to be offered the call in this round, in hunting order; the one that the manager's
    calls are forwarded to comes first."""
    out, first = flow.tried | flow.declined, flow.opening.first
    left = [phone for phone in hunting.available(flow.call) if phone.person.user not in out]
    if first:
        left.sort(key=lambda phone: phone.person.user != first)
    return tuple(left)


def somebody_left(flow: Flow) -> bool:
    manager = flow.opening.manager
    if manager is not None and manager.person.user not in flow.declined:
        return True
    return not flow.opening.alone and bool(candidates(flow))


def skipped(call: Call) -> list[tuple[Phone, Skip]]:
    reasons = [(phone, hunting.absence(phone, call)) for phone in hunting.assistants(call.group)]
    return [(phone, skip) for phone, skip in reasons if skip is not None]


def why_not(phone: Phone, status: int) -> Why:
    """Why the manager did not take the call, by the phone's final response."""
    if phone.role is Role.FORWARDED:
        return Why.FORWARD_FAILED
    return {486: Why.LINE_BUSY, 600: Why.LINE_BUSY, 603: Why.DECLINED}.get(status, Why.NOT_REACHED)
