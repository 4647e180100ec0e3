"""What may come next in a line that is being typed, and why what stands there would be refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from db.errors import StoreError
from db.variables.catalogue import CATALOGUE, Variable, find
from db.variables.values import Context as Rules
from db.variables.values import Switch, Weekly
from shell.pipes import suggest_pipes
from shell.registry import Argument, Command, Context, narrow, shown
from shell.term import Suggestion
from shell.trace.completing import Offer, complete
from shell.zones import zones

Source = Callable[[Context], Awaitable[Sequence[Suggestion]]]


@dataclass(frozen=True, slots=True)
class Known:
    """What the words of a line may be checked against: the rules of this machine, and the words that the
    sources of arguments had last."""

    rules: Rules = field(default_factory=Rules)
    words: Mapping[Source, Sequence[Suggestion]] = field(default_factory=dict)

    @property
    def trusting(self) -> Rules:
        """For a first look at a value: whether a user exists, only the store can tell."""
        return replace(self.rules, user_exists=lambda _: True)


NOTHING = Known()


def suggest(commands: Sequence[Command], typed: str, known: Known = NOTHING) -> tuple[Suggestion, ...]:
    """What may come next after `typed`, for Tab and `?`."""
    head, bar, tail = typed.rpartition("|")
    if bar and _may_be_piped(commands, head.partition("|")[0]):
        return suggest_pipes(tail)
    words = typed.split()
    last = words.pop() if words and not typed[-1].isspace() else ""
    pool, depth = narrow(shown(commands), words)
    found: dict[str, str] = {}
    for command in pool:
        if depth < len(command.words):
            if command.words[depth].startswith(last.lower()):
                longer = depth + 1 < len(command.words)
                found.setdefault(command.words[depth], "" if longer else command.help)
            continue
        given = _Given(typed, tuple(words[depth:]), last)
        for each in _of_argument(commands, command, given, known):
            found.setdefault(each.word, each.help)
    return tuple(Suggestion(word, meaning) for word, meaning in found.items())


def completed(typed: str, offered: Sequence[Suggestion]) -> tuple[int, str] | None:
    """How Tab goes on with a line: so many characters before the cursor go, and the text comes. None where
    there is nothing to do but to say what may come."""
    last = "" if not typed or typed[-1].isspace() else re.split(r"[\s|]", typed)[-1]
    words = [suggestion.word for suggestion in offered]
    if len(words) == 1:
        return len(last), f"{words[0]} "
    common = _common([word.lower() for word in words])
    return (len(last), words[0][:common]) if common > len(last) else None


def _common(words: Sequence[str]) -> int:
    """How many characters they begin with alike."""
    shared = 0
    while words and len({word[: shared + 1] for word in words}) == 1 and shared < len(words[0]):
        shared += 1
    return shared


def explain(commands: Sequence[Command], typed: str) -> tuple[Command, ...]:
    """The commands that `typed` may be the beginning of."""
    words = typed.split()
    pool, depth = narrow(shown(commands), words)
    return tuple(command for command in pool if depth == len(words) or depth == len(command.words))


def objection(commands: Sequence[Command], typed: str, known: Known = NOTHING) -> tuple[str, str] | None:
    """Why the value of a variable, or its name, would be refused: what is wrong, and what is right."""
    words = typed.split()
    pool, depth = narrow(shown(commands), words)
    given = words[depth:]
    for command in pool:
        kinds = [argument.kind for argument in command.arguments]
        if depth != len(command.words) or not given or kinds[:1] != ["variable"]:
            continue
        try:
            variable = find(given[0])
            if len(given) > 1 and "value" in kinds:
                variable.parse(_value(typed, depth + 1), known.trusting)
        except StoreError as exc:
            return exc.message, exc.hint
    return None


def _may_be_piped(commands: Sequence[Command], head: str) -> bool:
    words = head.split()
    pool, _ = narrow(commands, words) if words else ((), 0)
    return any(command.shows for command in pool)


@dataclass(frozen=True, slots=True)
class _Given:
    """Of a line: `words` after those of its command, and `last`, which may go on."""

    line: str
    words: tuple[str, ...]
    last: str


def _of_argument(
    commands: Sequence[Command], command: Command, given: _Given, known: Known
) -> Sequence[Suggestion]:
    """For the argument that is being typed. The last one takes the rest of the line."""
    if not command.arguments:
        return ()
    index = min(len(given.words), len(command.arguments) - 1)
    argument = command.arguments[index]
    match argument.kind:
        case "command":
            before = len(command.words) + index
            rest = given.line.split(None, before)
            line = rest[before] if len(rest) > before else ""
            first = line.split(None, 1)
            if first and first[0].isdecimal() and len(line) > len(first[0]):
                line = first[1] if len(first) > 1 else ""  # so many seconds, before the command
            return suggest(commands, line, known)
        case "value":
            found = _of_value(given, known)
        case "choice":
            before = len(command.words) + index
            rest = given.line.split(None, before)
            typed = rest[before] if len(rest) > before else ""
            calls = [Offer(each.word, each.help) for each in _words(argument, known)]
            return [Suggestion(offer.word, offer.help) for offer in complete(typed, calls)]
        case _ if len(given.words) > index and not argument.repeats:
            return ()
        case _:
            found = _words(argument, known)
    return [each for each in found if each.word.lower().startswith(given.last.lower())]


def _words(argument: Argument, known: Known) -> Sequence[Suggestion]:
    if argument.source is not None:
        return known.words.get(argument.source, ())
    match argument.kind:
        case "zone":
            return [Suggestion(name, "") for name in zones()]
        case "switch":
            return [Suggestion("on", ""), Suggestion("off", "")]
        case "variable":
            return [Suggestion(variable.name, variable.help) for variable in CATALOGUE]
        case _:
            return [Suggestion(word, "") for word in argument.words]


def _of_value(given: _Given, known: Known) -> Sequence[Suggestion]:
    """After the name of a variable."""
    try:
        variable = find(given.words[0])
    except (StoreError, IndexError):
        return ()
    if len(given.words) > 1:
        return _after_value(variable, given.words[1:])
    return _values(variable, given.last, known.rules)


def _values(variable: Variable, last: str, rules: Rules) -> Sequence[Suggestion]:
    default = variable.default_for(rules.edition)
    if isinstance(variable.values, Switch):
        return [Suggestion("on", variable.values.on), Suggestion("off", variable.values.off)]
    if isinstance(variable.values, Weekly):
        before, comma, _ = last.rpartition(",")
        days = [Suggestion(f"{before}{comma}{day}", meaning) for day, meaning in DAYS]
        return [*days, *([] if comma else [Suggestion("never", "blank, the default")])]
    expected = variable.expected(rules)
    return [Suggestion(default or "blank", f"the default; right is {expected}")]


def _after_value(variable: Variable, given: Sequence[str]) -> Sequence[Suggestion]:
    if isinstance(variable.values, Weekly) and len(given) == 1 and not given[0][0].isdigit():
        return [Suggestion("02:00", "the time of day; any other too")]
    if given[-1].lower() == "confirm":
        return [Suggestion("5", "minutes after which it is undone, unless you confirm it")]
    if len(given) >= 2 and given[-2].lower() == "confirm":
        return ()
    return [Suggestion("confirm", "undone unless confirmed within so many minutes")]


def _value(typed: str, before: int) -> str:
    """The value in a line to set it, without what says that it is to be confirmed."""
    rest = typed.split(None, before)
    text = rest[before].strip() if len(rest) > before else ""
    words = text.split()
    for place in (-1, -2):
        if len(words) > -place and words[place].lower() == "confirm":
            return " ".join(words[:place])
    return text


DAYS = (
    ("sun", "Sunday"),
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
)
