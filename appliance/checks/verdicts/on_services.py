"""The processes, and our own doors: do they answer, as what they are?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.checks.verdicts.finding import Finding, ok


@dataclass(frozen=True, slots=True)
class Page:
    """What the web server gave."""

    status: int
    has_form: bool
    took_s: float


def services(states: Sequence[tuple[str, str]]) -> Finding:
    """Names and states."""
    bad = [f"{name} is {state}" for name, state in states if state != "ready"]
    if bad:
        return Finding("fail", ", ".join(bad), "the log says why; callisto status shows how it ended last")
    return ok(", ".join(name for name, _ in states))


def login_page(page: Page | str) -> Finding:
    """A text says why there is none."""
    remedy = "callisto status shows the service web; its log says why"
    if isinstance(page, str):
        return Finding("fail", page, remedy)
    if page.status != 200 or not page.has_form:
        found = "a page without the login form" if page.status == 200 else "not the login window"
        return Finding("fail", f"HTTP status {page.status}, {found}", remedy)
    return ok(f"it answers after {page.took_s * 1000:.0f} ms")


def telnet(said: str, problem: str = "") -> Finding:
    if problem:
        return Finding("fail", problem, "show info shows the service shell; its log says why")
    if "Username" in said:
        return ok("it asks for the user name")
    return Finding("fail", "it answers, but does not ask for a user name", "the log of shell says why")


def sip(status_line: str, problem: str = "") -> Finding:
    """403 is an answer too: this machine need not be among the networks that may call."""
    if problem:
        return Finding("fail", problem, "show info shows the service router; its log says why")
    return ok(f"OPTIONS is answered with {status_line}")
