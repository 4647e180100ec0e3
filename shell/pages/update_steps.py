"""Updates: installed, planned, taken back, deleted, fetched; and the way they go while somebody looks on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from shell import wall
from shell.layout import day_and_time
from shell.listing import interrupted
from shell.pages.updates import effects, ended, named, port, state_data, told
from shell.pipes import Pipe
from shell.ports import SystemUnavailableError
from shell.registry import Answer, Ask, Context, Live
from shell.reply import CommandError, Reply
from shell.term import Interrupted, Line, Span, Style, Term
from shell.update_ports import Update, UpdateState

FORCE, DOWNGRADE, AT = "force", "downgrade", "at"
GOES_ON = "It goes on. update status looks in again."
NONE = "No update has been done since the start, and none is planned."
NOTHING = "Nothing was changed."
RIGHT = f"right is: update install NAME [{AT} TIME] [{DOWNGRADE}] [{FORCE}]"
TIMES = "right is HH:MM, or YYYY-MM-DD HH:MM, such as at 02:30"
SILENT = (
    "The supervisor does not answer: it may be starting anew, for the update.",
    "  update status, after a new login if need be, says what came of it.",
)
CUT: Line = (Span("All calls end, and this session too. Log in again then.", Style.BAD),)
CUT_THEN: Line = (Span("All calls end then, and all sessions.", Style.BAD),)
BESIDE = "It is written beside the system that runs; calls go on. update reboot starts it."
Begin = Callable[[], Awaitable[UpdateState]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    at: datetime | None
    downgrade: bool
    force: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """What ends calls: `lines` say so, `word` is typed to do it. With `force` nobody is asked, and people
    are told only what is `lost` for good."""

    word: str
    lines: tuple[Line, ...]
    begin: Begin
    force: bool
    lost: tuple[Line, ...] = ()


async def install(context: Context, arguments: tuple[str, ...]) -> Answer:
    """What it will do, a word to type, and the installation; `force` does not ask."""
    wanted = _understood(context, " ".join(arguments).split())
    each = await named(context, wanted.name)
    if each.downgrade and not wanted.downgrade:
        raise CommandError(
            each.verdict_reason or f"{each.version} is older than what runs",
            f"if that is meant: update install {each.name} {DOWNGRADE}",
        )
    if not each.installable:
        raise CommandError(
            each.verdict_reason or f"{each.name} is {each.state}", each.hint or "update show NAME says more"
        )
    begin = partial(port(context).install, each.name, context.actor, downgrade=wanted.downgrade, at=wanted.at)
    lines = (*_offered(context, each), "", *_warned(context, each, wanted.at))
    return _asked(context, _Step("install", lines, begin, wanted.force))


async def back(context: Context, arguments: tuple[str, ...]) -> Answer:
    found = [each for each in await port(context).listed() if each.state == "previous"]
    what = ", ".join(f"{each.version} ({each.kind})" for each in found) or "what the system has built in"
    lost = tuple((Span(each, Style.BAD),) for each in await port(context).lost_by_back())
    begin = partial(port(context).back, context.actor)
    lines = (f"What ran before comes back: {what}.", CUT)
    return _asked(context, _Step("back", lines, begin, _forced(arguments), lost))


async def reboot(context: Context, arguments: tuple[str, ...]) -> Answer:
    found = [each for each in await port(context).listed() if each.state == "installed"]
    what = f"It starts {found[0].version} then." if found else "It starts the same system again."
    begin = partial(port(context).reboot, context.actor)
    return _asked(context, _Step("reboot", (what, CUT), begin, _forced(arguments)))


async def delete(context: Context, arguments: tuple[str, ...]) -> Answer:
    words = " ".join(arguments).split()
    force = len(words) > 1 and words[-1].casefold() == FORCE
    each = await named(context, " ".join(words[:-1] if force else words))

    async def gone() -> Answer:
        await port(context).delete(each.name, context.actor)
        return Reply((f"{each.name} is deleted.",))

    if force:
        return await gone()
    lines = (f"{each.name} ({' '.join((each.version, each.kind)).strip() or each.state}) will be gone.",)
    return Ask(lines, "Delete it? (yes/no) ", {"yes": gone}, f"update delete {each.name} {FORCE}")


async def cancel(context: Context, _arguments: tuple[str, ...]) -> Reply:
    state = await port(context).cancel(context.actor)
    return Reply((f"{state.name or 'It'} will not be installed.",), state_data(state))


async def fetch(context: Context, arguments: tuple[str, ...]) -> Live:
    """The name of a target may have spaces in it."""
    target, _, name = " ".join(arguments).rpartition(" ")
    if not target:
        raise CommandError("update fetch: NAME is missing", "right is: update fetch TARGET NAME")
    return Live(partial(_begun, context, partial(port(context).fetch, target.strip(), name, context.actor)))


async def status(context: Context, _arguments: tuple[str, ...]) -> Reply | Live:
    state = await port(context).state()
    if state is None:
        return Reply((NONE,), {})
    if not state.done and state.at is None and not context.script:
        return Live(partial(_follow, context))
    return _reply(context, state)


async def seen(context: Context, _arguments: tuple[str, ...]) -> Reply:
    await port(context).seen(context.actor)
    return Reply(("It is not told again at the next login; update history keeps it.",))


def _asked(context: Context, step: _Step) -> Live:
    if context.script and not step.force:
        raise CommandError(
            "this asks first, and a script is not asked", f"add {FORCE} at the end to do it unasked"
        )
    return Live(partial(_run, context, step))


async def _run(context: Context, step: _Step, term: Term, pipes: tuple[Pipe, ...]) -> Reply:
    first = step.lost if step.force else (*step.lines, *step.lost)
    if first and not context.script:
        await term.show(*first)
    if not step.force:
        try:
            answer = await term.ask(f"Type {step.word} to do it, Enter to leave all as it is: ")
        except Interrupted:
            answer = ""
        if answer.strip().casefold() != step.word:
            return Reply((NOTHING,))
    return await _begun(context, step.begin, term, pipes)


async def _begun(context: Context, begin: Begin, term: Term, pipes: tuple[Pipe, ...]) -> Reply:
    state = await begin()
    if state.at is not None:
        return _reply(context, state)
    return await _follow(context, term, pipes)


async def _follow(context: Context, term: Term, _pipes: tuple[Pipe, ...]) -> Reply:
    seen: list[UpdateState] = []

    async def follow() -> None:
        async with aclosing(port(context).follow()) as states:
            async for state in states:
                before = seen[-1].doing if seen else None
                seen.append(state)
                if state.done:
                    return
                if term.rich:
                    await term.status(told(context, state))
                elif state.doing != before:
                    await term.show(told(context, state))

    try:
        left = await interrupted(term, follow())
    except SystemUnavailableError:
        if not seen:
            raise
        return Reply(SILENT, state_data(seen[-1]))
    finally:
        if term.rich:
            await term.status("")
    if left:
        return Reply((GOES_ON,))
    return _reply(context, seen[-1]) if seen else Reply((NONE,), {})


def _reply(context: Context, state: UpdateState) -> Reply:
    if state.done:
        return Reply(ended(state), state_data(state))
    lines: tuple[Line, ...] = (told(context, state),)
    if state.at is not None:
        lines = (*lines, "  update cancel takes that back.")
    return Reply(lines, state_data(state))


def _offered(context: Context, each: Update) -> tuple[Line, ...]:
    first: list[Line] = [f"{each.name}: {each.version} {each.kind}"]
    if each.downgrade:
        first.append((Span(each.verdict_reason, Style.BAD),))
    return (*first, *effects(context, each))


def _warned(context: Context, each: Update, at: datetime | None) -> tuple[Line, ...]:
    when: tuple[Line, ...] = ()
    if at is not None:
        when = (f"It will be done on {day_and_time(at, context.services.zone)}.",)
    if each.reboots:
        return (*when, BESIDE)
    return (*when, CUT if at is None else CUT_THEN)


def _understood(context: Context, words: list[str]) -> _Wanted:
    """The name of an update may have spaces in it; what follows it are words."""
    first = next((i for i, word in enumerate(words) if i and word.casefold() in (AT, DOWNGRADE, FORCE)), None)
    name, rest = " ".join(words[:first]), words[first:] if first is not None else []
    at: datetime | None = None
    downgrade = force = False
    while rest:
        word = rest.pop(0).casefold()
        if word == AT and at is None:
            time = [rest.pop(0) for _ in range(2) if rest and rest[0][:1].isdigit()]
            at = moment_of(time, context)
        elif word == DOWNGRADE:
            downgrade = True
        elif word == FORCE:
            force = True
        else:
            raise CommandError(f"update install: {word[:40]!r} was not understood", RIGHT)
    return _Wanted(name, at, downgrade, force)


def moment_of(words: list[str], context: Context) -> datetime:
    """`02:30` is the next one; `2026-11-24 02:30` that one; in the zone of the clock."""
    now, zone = context.services.now(), context.services.zone
    today = now.astimezone(zone)
    try:
        if len(words) == 2:
            return _instant(wall.read(*words), context)
        local = wall.read(f"{today:%Y-%m-%d}", words[0] if words else "")
    except wall.WallTimeError as exc:
        said = " ".join(words)[:40]
        raise CommandError(
            f"update install: {said!r} is no time" if said else "at what time?", TIMES
        ) from exc
    at = _instant(local, context)
    return at if at > now else _instant(local + timedelta(days=1), context)


def _instant(local: datetime, context: Context) -> datetime:
    """In UTC. Of a time that comes twice, the first; of one that does not come, what the clock shows then."""
    match wall.meaning(local, context.services.zone):
        case wall.Once(at) | wall.Never(at) | wall.Twice(at, _):
            return at.astimezone(UTC)


def _forced(arguments: tuple[str, ...]) -> bool:
    words = [word.casefold() for word in arguments]
    if words not in ([], [FORCE]):
        raise CommandError(
            f"{' '.join(arguments)[:40]!r} was not understood", f"right is {FORCE}, or nothing"
        )
    return bool(words)
