"""Commands as data: their words, arguments and help; finding the one that a line means. Pure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from db.variables.states import Actor
from shell.pipes import Pipe, parse_pipes
from shell.ports import Account, Services
from shell.reply import CommandError, Reply
from shell.sessions_ports import Alone, OwnSession, Sessions
from shell.term import Line, Suggestion, Term

Kind = Literal["variable", "value", "number", "zone", "switch", "command", "choice", "text"]
"""`value`: of the variable that is named before; `command`: another command, with its arguments; `choice`:
of what to trace."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One thing to be given after a command's words; the last one takes the rest of the line. `said_later`:
    the command itself can say best what is missing. `words`: what may be given, if that is known; `source`:
    asks for that (see `shell.completion`); `repeats`: several of them may be given."""

    name: str
    kind: Kind = "text"
    optional: bool = False
    said_later: bool = False
    help: str = ""
    words: tuple[str, ...] = ()
    source: Callable[[Context], Awaitable[Sequence[Suggestion]]] | None = None
    repeats: bool = False

    def __str__(self) -> str:
        return f"[{self.name}]" if self.optional else self.name


@dataclass(frozen=True, slots=True)
class Context:
    """Who gives a command, and what it may use. `width`: for text that is laid out; `table_width`: None where
    nothing may be cut. `script`: nobody is there to be asked. `sessions`: the server's facts; `people`: who
    is logged in; `own`: this session."""

    services: Services
    account: Account
    actor: Actor
    commands: tuple[Command, ...]
    sessions: Callable[[], Mapping[str, object]]
    width: int = 80
    table_width: int | None = None
    script: bool = False
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
    answer; with any other answer nothing is done. `instead`: the command that asks nothing, for scripts."""

    lines: tuple[Line, ...]
    prompt: str
    choices: Mapping[str, Callable[[], Awaitable[Answer]]]
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """What a command answers that goes on by itself until its user ends it. `run` is given the terminal and
    what stood after the bar; None: it has shown everything itself."""

    run: Callable[[Term, tuple[Pipe, ...]], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True)
class Listing:
    """A long answer that is made while it is read: the lines and the data (a list) of each block. Reading it
    may raise whatever a command may."""

    blocks: AsyncGenerator[Reply, None]


Answer = Reply | Leave | OpenMenu | Ask | Live | Listing


@dataclass(frozen=True, slots=True)
class Command:
    """`changes`: administrators only. `hidden`: accepted, and not in the help. `filtered`: its output may be
    filtered, although it is no show command. `asked`: words after which a secret is asked for: what is typed
    after them nevertheless is kept nowhere."""

    words: tuple[str, ...]
    help: str
    run: Callable[[Context, tuple[str, ...]], Awaitable[Answer]]
    arguments: tuple[Argument, ...] = ()
    changes: bool = False
    hidden: bool = False
    filtered: bool = False
    asked: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def syntax(self) -> str:
        return " ".join((*self.words, *map(str, self.arguments)))

    @property
    def shows(self) -> bool:
        """Its output may be filtered, or given as JSON."""
        return self.words[0] == "show" or self.filtered


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the main menu. `command`: the same beside the menu. `there`: whether it is offered."""

    title: str
    help: str
    command: str
    open: Callable[[Context, Term], Awaitable[None]] | None
    """None: leaves the shell."""
    there: Callable[[Services], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Request:
    """A line that is understood. `pipes`: what comes after the bar."""

    command: Command
    arguments: tuple[str, ...]
    pipes: tuple[Pipe, ...] = ()

    @property
    def json(self) -> bool:
        return bool(self.pipes) and self.pipes[0].word == "json"


def parse(commands: Sequence[Command], line: str) -> Request:
    """Raises CommandError, which says what is wrong and what would be right."""
    head, bar, tail = line.partition("|")
    if bar:
        command, arguments = _find(commands, head)
        if command.shows:
            return Request(command, arguments, parse_pipes(tail))
    command, arguments = _find(commands, line)
    return Request(command, arguments)


def noted(commands: Sequence[Command], line: str) -> str:
    """A line as the audit trail may have it: whole when it begins as a command does; else it may be a
    password, typed where it does not belong, and its shape has to do."""
    words = line.split()
    pool, depth = narrow(commands, words)
    asked = {word for command in pool for word in command.asked}
    for at, word in enumerate(words[depth:], depth):
        if word.casefold() in asked and words[at + 1 :]:
            return f"{' '.join(words[: at + 1])} (not shown)"
    if not words or line == "?" or narrow(commands, words[:1])[1] or words[0].endswith("?"):
        return line
    return f"(no command: {len(line)} characters)"


def shown(commands: Sequence[Command]) -> tuple[Command, ...]:
    return tuple(command for command in commands if not command.hidden)


def narrow(commands: Sequence[Command], words: Sequence[str]) -> tuple[tuple[Command, ...], int]:
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
    pool, depth = narrow(commands, words)
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
    options = ", ".join(dict.fromkeys(" ".join(c.syntax.split()[depth:]) for c in shown(pool)))
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
    pool, depth = narrow(commands, words[:1])
    if not pool or depth == 0 or len(words) == 1:
        near = _meant(words[0], [command.words[0] for command in shown(commands)])
        return CommandError(f"there is no command {words[0]!r}", f"{near}? lists the commands")
    deeper = [command for command in shown(pool) if len(command.words) > 1]
    near = _meant(words[1], [command.words[1] for command in deeper])
    what = f"{' '.join(words[:2])!r} is no command"
    if near:
        return CommandError(what, f"{near}{words[0]} ? lists them all")
    options = ", ".join(dict.fromkeys(command.syntax for command in shown(pool)))
    return CommandError(what, f"one of: {options}")


def _meant(word: str, known: Sequence[str]) -> str:
    """`did you mean show? `; empty when nothing looks like it."""
    near = get_close_matches(word.lower(), dict.fromkeys(known), n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}? " if near else ""
