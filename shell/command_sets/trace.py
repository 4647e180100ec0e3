"""Tracing: look at what the appliance does, and at what was kept of it."""

from __future__ import annotations

from shell.pages.calls import latest_ids
from shell.pages.trace import mark, processes, start_capture, trace
from shell.pages.trace_captures import delete, draw_ladder, names, show_trace, show_traces, stop
from shell.pages.trace_export import FORMS, export
from shell.registry import Argument, Command
from shell.trace.typed import SYNTAX

_CHOICE = Argument(
    "CHOICE",
    "choice",
    optional=True,
    repeats=True,
    source=latest_ids,
    help=f"{SYNTAX}; without it, everything",
)
_NAME = Argument("NAME", source=names, help="a capture, a part of its name, or last")

COMMANDS: tuple[Command, ...] = (
    Command(("trace",), "See what happens, as it happens; it is kept too", trace, (_CHOICE,), filtered=True),
    Command(
        ("trace", "processes"),
        "What every process does now",
        processes,
        (Argument("NAME", optional=True, help="with a name, a trace of that process"),),
        filtered=True,
    ),
    Command(
        ("trace", "mark"),
        "Put a line into every trace that runs",
        mark,
        (Argument("TEXT", help="what it says"),),
    ),
    Command(("trace", "start"), "Begin a capture without looking at it", start_capture, (_CHOICE,)),
    Command(("trace", "stop"), "End a capture", stop, (_NAME,)),
    Command(("show", "traces"), "The captures that there are", show_traces),
    Command(("show", "trace"), "One capture", show_trace, (_NAME, _CHOICE)),
    Command(
        ("trace", "ladder"),
        "Draw a call of a capture: who sent what to whom",
        draw_ladder,
        (
            _NAME,
            Argument("CALL", optional=True, help="its id, or the beginning; not needed for the only one"),
        ),
        filtered=True,
    ),
    Command(
        ("trace", "export"),
        "Write a capture out, to be saved by your terminal",
        export,
        (_NAME, Argument("pcap|json", words=FORMS, help="packets in base64; or an object a line")),
    ),
    Command(("trace", "delete"), "Delete a capture", delete, (_NAME,)),
)
