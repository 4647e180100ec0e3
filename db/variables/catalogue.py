"""All system variables, declared once: menu, help, checking and default come from here. Pure.

`spec: system variables`; the help is ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from db.errors import AmbiguousVariableError, InvalidValueError, NotInEditionError, UnknownVariableError
from db.variables.values import (
    Bounded,
    Context,
    HostName,
    Memory,
    Switch,
    UserNumber,
    Values,
    Weekly,
    WrongValueError,
    brief,
)

Reader = Literal["scheduler", "web", "router", "import", "clock"]
"""Who reads a variable in this version; `import`: the check of an office file."""

EDITIONS = ("express", "ucm", "one")
LONGEST_TEXT = 1000
"""Characters a value may have; nobody needs more, and a network may send any number."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One system variable.

    `default`: stored form; `edition_defaults` goes before it. `help`: one or more sentences.
    `restarts`: the process whose next start makes a new value count; empty: it counts at once.
    `read_by`: who uses it in this version; empty: it is kept and checked, and nothing acts on it yet.
    `locks_out`: how a wrong value may keep administrators out; empty: it cannot.
    `editions`: where it can be set; `edition_reason`: why not elsewhere.
    """

    name: str
    values: Values
    default: str
    help: str
    restarts: str = ""
    read_by: tuple[Reader, ...] = ()
    editions: tuple[str, ...] = EDITIONS
    edition_reason: str = ""
    locks_out: str = ""
    edition_defaults: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def unit(self) -> str:
        return self.values.unit

    def default_for(self, edition: str) -> str:
        """The value while nobody has set one."""
        return self.edition_defaults.get(edition, self.default)

    def expected(self, context: Context) -> str:
        """What would be right, in words."""
        return self.values.expected(context)

    def parse(self, text: str, context: Context) -> str:
        """The stored form of what a person typed. Raises InvalidValueError, NotInEditionError."""
        if context.edition not in self.editions:
            raise NotInEditionError(self.name, context.edition, self.editions, self.edition_reason)
        if len(text) > LONGEST_TEXT:
            problem = f"{brief(text)} is longer than {LONGEST_TEXT} characters"
            raise InvalidValueError(self.name, text[:LONGEST_TEXT], self.expected(context), problem=problem)
        try:
            return self.values.stored(text, context)
        except WrongValueError as exc:
            raise InvalidValueError(self.name, text, exc.expected, problem=exc.problem) from exc

    def shown(self, stored: str) -> str:
        """The value in words: `off`, `60 s`, `Sunday, Wednesday at 02:00`."""
        return self.values.shown(stored)


CATALOGUE: tuple[Variable, ...] = (
    Variable(
        "gBridgeTransfer",
        Switch(off="the call is handed over to the PBX", on="the call stays bridged here"),
        default="0",
        help="What happens to a call once somebody has answered it. Turn it on where the PBX cannot take "
        "a transfer.",
        read_by=("router",),
    ),
    Variable(
        "gCocProxyMemory",
        Memory(64),
        default="256",
        help="How much memory the COC proxy, which feeds the operator clients, may take.",
        restarts="COC proxy",
    ),
    Variable(
        "gCocProxyRestart",
        Weekly(),
        default="",
        help="Days and time at which the COC proxy is restarted.",
    ),
    Variable(
        "gDefaultMailbox",
        UserNumber(),
        default="",
        help="Whose box takes a forwarded voice message that belongs to nobody. Without one the caller "
        "hears that there is no mailbox.",
    ),
    Variable(
        "gDisablePersHistory",
        Switch(off="everybody sees the calls of his own", on="only those with the right to detailed reports"),
        default="0",
        help="Takes the menu Reporting, and one's own call log, away from users who may not see detailed "
        "reports.",
    ),
    Variable(
        "gInboxNotifyRefresh",
        Bounded(5, 3600, "s"),
        default="60",
        help="How often pages and phones look for new messages.",
    ),
    Variable(
        "gMCSpeakNumber",
        Switch(off="connected at once", on="the caller's number is spoken first"),
        default="1",
        help="Whether Mobile Connect says who is calling after the called person has pressed 1.",
    ),
    Variable(
        "gMwiWebControls",
        Switch(off="hidden", on="shown"),
        default="0",
        help="Whether the voicemail settings on the web have buttons that switch a phone's message lamp.",
    ),
    Variable(
        "gMaxForwardNumberLen",
        Bounded(1, 100, "digits"),
        default="100",
        help="The longest number a call may be forwarded to. A small one keeps forwarding inside the house.",
        read_by=("import", "router"),
    ),
    Variable(
        "gPhoneLoginWithNumber",
        Switch(off="the caller's own box, with its PIN", on="asks for box number and PIN"),
        default="0",
        help="How somebody who calls his mailbox is logged in. Asking for the number opens other boxes too.",
    ),
    Variable(
        "gPhonePrivateDirPIN",
        Switch(off="no PIN", on="asks for the PIN"),
        default="0",
        help="Whether the private directory on the phone asks users for their PIN when they have chosen to "
        "be asked always.",
    ),
    Variable(
        "gRecordVolume",
        Bounded(1, 1000, "%"),
        default="400",
        help="How loud recordings are made, against the level of the system; 400 is four times as loud.",
    ),
    Variable(
        "gStripCallerID",
        Bounded(0, 20, "digits"),
        default="0",
        help="How many digits are taken off the front of a caller's number before anything looks at it. A "
        "plus sign does not count, and a number that would become empty is kept.",
        read_by=("router",),
    ),
    Variable(
        "gSyncLineName",
        Switch(off="line names are left alone", on="a line is named after its user"),
        default="0",
        help="Whether the line of a phone takes its user's name when it is given to him or he is renamed.",
        editions=("express",),
        edition_reason="there the line names belong to the PBX",
    ),
    Variable(
        "gTimeServer",
        HostName(),
        default="pool.ntp.org",
        help="The server this system takes the time from.",
        read_by=("clock",),
        locks_out="a clock that is wrong ends sessions on the web and makes certificates invalid",
    ),
    Variable(
        "gTransferWithCallerID",
        Switch(off="the voicemail number", on="the caller's number"),
        default="1",
        help="Which number outgoing calls show. Until it is set it follows the edition.",
        read_by=("router",),
        edition_defaults=MappingProxyType({"express": "0"}),
    ),
    Variable(
        "gWebServerRestart",
        Weekly(),
        default="",
        help="Days and time at which the web server is restarted.",
        read_by=("scheduler",),
        locks_out="every restart logs out whoever works on the web",
    ),
    Variable(
        "gWebTimeout",
        Bounded(0, 1440, "min", zero="never"),
        default="20",
        help="After how long without a click web users are logged out. What a page refreshes by itself is "
        "no click.",
        read_by=("web",),
        locks_out="a short one logs you out of the web before you can change it there",
    ),
)
"""In the order of the documents."""

_BY_NAME = {variable.name.lower(): variable for variable in CATALOGUE}


def find(name: str) -> Variable:
    """By name, without regard to case, or by the beginning of one name only.

    Raises UnknownVariableError, which names the nearest, and AmbiguousVariableError.
    """
    wanted = name.strip().lower()
    if wanted in _BY_NAME:
        return _BY_NAME[wanted]
    fitting = [variable for lower, variable in _BY_NAME.items() if wanted and lower.startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise AmbiguousVariableError(name.strip()[:64], tuple(sorted(each.name for each in fitting)))
    raise UnknownVariableError(name.strip()[:64], nearest(wanted))


def nearest(name: str) -> tuple[str, ...]:
    """Known names that look like `name`, best first, at most three."""
    wanted = name[:64].lower()
    within = [lower for lower in _BY_NAME if len(wanted) >= 3 and wanted.removeprefix("g") in lower]
    close = difflib.get_close_matches(wanted, _BY_NAME, n=3, cutoff=0.6)
    return tuple(_BY_NAME[lower].name for lower in dict.fromkeys((*close, *within)))[:3]
