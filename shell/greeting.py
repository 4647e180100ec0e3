"""What somebody is told when he has logged in: when he was here last, and what is wrong now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from shell.health import problems
from shell.layout import cut, moment
from shell.ports import Status
from shell.reading import instant, number, tables, text
from shell.sessions_ports import Visit
from shell.term import Line, Span, Style


def lines(
    visit: Visit | None, status: Status | None, *, zone: ZoneInfo, columns: int = 80
) -> tuple[Line, ...]:
    """`status` None: the supervisor does not answer."""
    found: list[Line] = []
    if visit is not None:
        found.append(f"Last login {moment(visit.at, zone)} from {_host(visit.address)}.")
        if visit.failed:
            times = "once" if visit.failed == 1 else f"{visit.failed} times"
            found.append((Span(f"Since then a login with a name like yours failed {times}.", Style.BAD),))
    if status is None:
        wrong: Sequence[str] = ("the supervisor does not answer",)
    else:
        found.extend(_running(status, zone))
        wrong = problems(status)
    if wrong:
        found.append((Span(cut(f"Now: {'; '.join(wrong)}", columns), Style.BAD),))
    return tuple(found)


def _running(status: Status, zone: ZoneInfo) -> list[Line]:
    """Since when the appliance runs and why it was started; what has been restarted since."""
    since = instant(status, "started")
    if since is None:
        return []
    why = text(status, "started_because")
    said: list[Line] = [f"The appliance runs since {moment(since, zone)}{f' ({why})' if why else ''}."]
    for each in tables(status, "services"):
        count = int(number(each, "restarts") or 0)
        if count:
            times = "once" if count == 1 else f"{count} times"
            reason = text(each, "last_exit")
            said.append(
                f"{text(each, 'name')} was restarted {times} since then{f': {reason}' if reason else ''}."
            )
    return said


def _host(address: str) -> str:
    return address.rpartition(":")[0] or address
