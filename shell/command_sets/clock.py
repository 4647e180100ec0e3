"""Date, time, zone and the time server."""

from __future__ import annotations

from shell.pages.clock import check_server, set_clock, set_sync, set_zone, show_clock
from shell.registry import Argument, Command

COMMANDS: tuple[Command, ...] = (
    Command(("show", "clock"), "Date, time and zone, and the time server", show_clock),
    Command(
        ("clock", "set"),
        "Set date and time",
        set_clock,
        (
            Argument("YYYY-MM-DD", help="the date"),
            Argument("HH:MM[:SS]", help="the time, in the zone that show clock names"),
            Argument(
                "first|second|force",
                optional=True,
                help="which one, of a time that comes twice; force: more than five minutes need no yes",
            ),
        ),
        changes=True,
    ),
    Command(
        ("clock", "zone"),
        "Set the time zone",
        set_zone,
        (Argument("ZONE", "zone", help="such as Europe/Zurich"),),
        changes=True,
    ),
    Command(
        ("clock", "sync"),
        "Switch the synchronisation with the time server",
        set_sync,
        (Argument("on|off", "switch"),),
        changes=True,
    ),
    Command(("clock", "check"), "Ask the time server for the time, once", check_server),
)
