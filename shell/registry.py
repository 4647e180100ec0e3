"""Commands as data: their words, arguments and help; finding the one that a line means. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from db.variables.catalogue import CATALOGUE
from db.variables.states import Actor
from shell.ports import Account, Services
from shell.reply import CommandError, Reply
from shell.sessions_ports import Alone, OwnSession, Sessions
from shell.term import Line, Suggestion, Term
from shell.zones import zones

Kind = Literal["variable", "number", "zone", "switch", "text"]


@dataclass(frozen=True, slots=True)
class Argument:
    """One thing to be given after a command's words; the last one takes the rest of the line. `said_later`:
    the command itself can say best what is missing."""

    name: str
    kind: Kind = "text"
    optional: bool = False
    said_later: bool = False
    help: str = ""

    def __str__(self) -> str:
        return f"[{self.name}]" if self.optional else self.name


@dataclass(frozen=True, slots=True)
class Context:
    """Who gives a command, and what it may use. `width`: for text that is laid out; `table_width`: None where
    nothing may be cut. `sessions`: the server's facts; `people`: who is logged in; `own`: this session."""

    services: Services
    account: Account
    actor: Actor
    commands: tuple[Command, ...]
    sessions: Callable[[], Mapping[str, object]]
    width: int = 80
    table_width: int | None = None
    people: Sessions = field(default_factory=Alone)
    own: OwnSession = field(default_factory=Alone)

    @property
    def may_change(self) -> bool:
        return "administrator" in self.account.roles


class Leave:
    """What the command to leave answers."""


class OpenMenu:
    """What the command to open the menu answers."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a command answers that needs a decision first. `choices`: what to do for each word that may be the
    answer; with any other answer nothing is done."""

    lines: tuple[Line, ...]
    prompt: str
    choices: Mapping[str, Callable[[], Awaitable[Answer]]]


Answer = Reply | Leave | OpenMenu | Ask


@dataclass(frozen=True, slots=True)
class Command:
    """`changes`: administrators only. `hidden`: accepted, and not in the help."""

    words: tuple[str, ...]
    help: str
    run: Callable[[Context, tuple[str, ...]], Awaitable[Answer]]
    arguments: tuple[Argument, ...] = ()
    changes: bool = False
    hidden: bool = False

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def syntax(self) -> str:
        return " ".join((*self.words, *map(str, self.arguments)))

    @property
    def shows(self) -> bool:
        """Its output may be filtered, or given as JSON."""
        return self.words[0] == "show"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the main menu. `command`: the same beside the menu."""

    title: str
    help: str
    command: str
    open: Callable[[Context, Term], Awaitable[None]] | None
    """None: leaves the shell."""


@dataclass(frozen=True, slots=True)
class Request:
    """A line that is understood. `json` and `match`: what comes after the bar."""

    command: Command
    arguments: tuple[str, ...]
    json: bool = False
    match: str = ""


PIPES = (
    Suggestion("json", "as JSON, and nothing else"),
    Suggestion("match", "only the lines with this text"),
)


def parse(commands: Sequence[Command], line: str) -> Request:
    """Raises CommandError, which says what is wrong and what would be right."""
    head, bar, tail = line.partition("|")
    if bar:
        command, arguments = _find(commands, head)
        if command.shows:
            json, match = _pipe(tail)
            return Request(command, arguments, json, match)
    command, arguments = _find(commands, line)
    return Request(command, arguments)


def suggest(commands: Sequence[Command], typed: str) -> tuple[Suggestion, ...]:
    """What may come next after `typed`, for completion and `?`."""
    head, bar, tail = typed.rpartition("|")
    if bar and head.split()[:1] and "show".startswith(head.split()[0].lower()):
        word = tail.strip().lower()
        return () if len(tail.split()) > 1 else tuple(each for each in PIPES if each.word.startswith(word))
    words = typed.split()
    last = words.pop() if words and not typed[-1].isspace() else ""
    pool, depth = _narrow(_shown(commands), words)
    found: dict[str, str] = {}
    for command in pool:
        if depth < len(command.words):
            if command.words[depth].startswith(last.lower()):
                longer = depth + 1 < len(command.words)
                found.setdefault(command.words[depth], "" if longer else command.help)
        elif (index := len(words) - depth) < len(command.arguments):
            found.update(_values(command.arguments[index], last))
    return tuple(Suggestion(word, meaning) for word, meaning in found.items())


def explain(commands: Sequence[Command], typed: str) -> tuple[Command, ...]:
    """The commands that `typed` may be the beginning of."""
    words = typed.split()
    pool, depth = _narrow(_shown(commands), words)
    return tuple(command for command in pool if depth == len(words) or depth == len(command.words))


def _shown(commands: Sequence[Command]) -> tuple[Command, ...]:
    return tuple(command for command in commands if not command.hidden)


def _narrow(commands: Sequence[Command], words: Sequence[str]) -> tuple[tuple[Command, ...], int]:
    """The commands whose words `words` begin, each shortened while unique, and how many words were theirs."""
    pool = tuple(commands)
    for depth, word in enumerate(words):
        deeper = [command for command in pool if len(command.words) > depth]
        exact = [command for command in deeper if command.words[depth] == word.lower()]
        close = exact or [command for command in deeper if command.words[depth].startswith(word.lower())]
        if not close:
            ending = tuple(command for command in pool if len(command.words) == depth)
            return ending, depth
        pool = tuple(close)
    return pool, len(words)


def _find(commands: Sequence[Command], line: str) -> tuple[Command, tuple[str, ...]]:
    words = line.split()
    pool, depth = _narrow(commands, words)
    if not pool:
        raise _unknown(commands, words)
    rest = words[depth:]
    complete = [command for command in pool if len(command.words) == depth]
    fitting = [command for command in complete if bool(command.arguments) or not rest] or complete
    fitting = [command for command in fitting if rest or not _needs(command)] or fitting
    if len(fitting) == 1:
        return fitting[0], _arguments(fitting[0], line, depth)
    if fitting or len({command.words[:depth] for command in pool}) > 1:
        options = ", ".join(dict.fromkeys(command.name for command in pool))
        raise CommandError(f"{' '.join(words)} can mean several commands", f"one of: {options}")
    options = ", ".join(dict.fromkeys(" ".join(c.syntax.split()[depth:]) for c in _shown(pool)))
    raise CommandError(f"{' '.join(words)}: the command is not complete", f"it may go on with: {options}")


def _arguments(command: Command, line: str, depth: int) -> tuple[str, ...]:
    rest = line.split(None, depth)
    text = rest[depth].strip() if len(rest) > depth else ""
    if not command.arguments:
        if text:
            raise CommandError(f"{command.name} takes nothing more: {text!r} was not understood")
        return ()
    given = tuple(text.split(None, len(command.arguments) - 1)) if text else ()
    required = sum(not (each.optional or each.said_later) for each in command.arguments)
    if len(given) < required:
        missing = " and ".join(a.name for a in command.arguments[len(given) : required])
        raise CommandError(f"{command.name}: {missing} is missing", f"right is: {command.syntax}")
    return given


def _needs(command: Command) -> bool:
    return any(not argument.optional for argument in command.arguments)


def _unknown(commands: Sequence[Command], words: Sequence[str]) -> CommandError:
    pool, depth = _narrow(commands, words[:1])
    if not pool or depth == 0 or len(words) == 1:
        return CommandError(f"there is no command {words[0]!r}", "? lists the commands")
    options = ", ".join(dict.fromkeys(command.syntax for command in _shown(pool)))
    return CommandError(f"{' '.join(words[:2])!r} is no command", f"one of: {options}")


def _pipe(tail: str) -> tuple[bool, str]:
    word, _, rest = tail.strip().partition(" ")
    if word and "json".startswith(word.lower()) and not rest.strip():
        return True, ""
    if word and "match".startswith(word.lower()) and rest.strip():
        return False, rest.strip()
    raise CommandError(
        f"after the bar {tail.strip()!r} was not understood", "right is: | json, or: | match TEXT"
    )


def _values(argument: Argument, last: str) -> dict[str, str]:
    match argument.kind:
        case "zone":
            return {name: "" for name in zones() if name.lower().startswith(last.lower())}
        case "switch":
            return {word: "" for word in ("on", "off") if word.startswith(last.lower())}
        case "number" | "text":
            return {}
    return {v.name: v.help for v in CATALOGUE if v.name.lower().startswith(last.lower())}
