"""Restore: what it would change, the restore while its user looks on, and what came of it."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import asdict, dataclass
from functools import partial

from db.backup.manifest import Kind
from db.errors import RefusedError
from db.restore.plan import Plan, chosen, lines
from shell.listing import interrupted
from shell.pipes import Pipe
from shell.registry import Answer, Context, Live
from shell.reply import CommandError, Reply
from shell.restore_ports import RestoreState
from shell.term import Interrupted, Line, Span, Style, Term

PLAIN, FORCE, LAST = "plain", "force", "last"
CONFIRM = "restore"
GOES_ON = "It goes on. restore status looks in again."
NONE = "There has been no restore."
NOTHING = "Nothing was changed."
RIGHT = "right is: restore start BACKUP [settings] [users] [groups] [history] [media] [plain] [force]"
_SUFFIX = ".zip"
_BAR = 30
_WILL = (
    "The present state is backed up first. The web server is stopped meanwhile; calls go on.",
    "If anything does not answer afterwards, the present state comes back by itself.",
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    archive: str
    kinds: tuple[Kind, ...]
    plain: bool
    force: bool


async def check(context: Context, arguments: tuple[str, ...]) -> Answer:
    """What would change; nothing is."""
    return await _begun(context, arguments, start=False)


async def start(context: Context, arguments: tuple[str, ...]) -> Answer:
    """What would change, a question, and the restore; `force` does not ask."""
    return await _begun(context, arguments, start=True)


async def status(context: Context, _arguments: tuple[str, ...]) -> Reply | Live:
    state = await context.services.restore.state()
    if state is None:
        return Reply((NONE,), {})
    if not state.done and not context.script:
        return Live(partial(_follow, context))
    return Reply((_told(state),) if not state.done else _end(state), _data(state))


async def _begun(context: Context, arguments: tuple[str, ...], *, start: bool) -> Answer:
    wanted = await _understood(context, arguments)
    if context.script and not wanted.plain:
        raise CommandError(
            "this asks for a password, and a script is not asked",
            "with a password: callisto restore FILE --password-file FILE; without one, add plain",
        )
    if context.script and start and not wanted.force:
        raise CommandError("this asks first, and a script is not asked", "add force to do it unasked")
    return Live(partial(_run, context, wanted, start))


async def _run(context: Context, wanted: _Wanted, start: bool, term: Term, pipes: tuple[Pipe, ...]) -> Reply:
    try:
        password = "" if wanted.plain else await _password(term)
        if not (start and wanted.force):
            plan = await _rehearsed(context, wanted, password, term)
            if not start:
                return Reply(_plan(plan), plan.as_json())
            await term.show(*_plan(plan), "", *_WILL)
            answer = await term.ask(f"Type {CONFIRM} to restore it, Enter to leave all as it is: ")
            if answer.strip().casefold() != CONFIRM:
                return Reply((NOTHING,))
    except Interrupted:
        return Reply((NOTHING,))
    await context.services.restore.begin(context.actor, wanted.archive, wanted.kinds, password)
    return await _follow(context, term, pipes)


async def _rehearsed(context: Context, wanted: _Wanted, password: str, term: Term) -> Plan:
    if not context.script:
        await term.show("The backup is read and compared …")
    return await context.services.restore.rehearse(context.actor, wanted.archive, wanted.kinds, password)


async def _password(term: Term) -> str:
    password = await term.ask("Password of the backup, Enter for none: ", secret=True)
    await term.show("")
    return password


async def _follow(context: Context, term: Term, _pipes: tuple[Pipe, ...]) -> Reply:
    seen: list[RestoreState] = []

    async def follow() -> None:
        async with aclosing(context.services.restore.follow()) as states:
            async for state in states:
                before = seen[-1].step if seen else None
                seen.append(state)
                if state.done:
                    return
                if term.rich:
                    await term.status(_told(state))
                elif state.step != before:
                    await term.show(_told(state))

    left = await interrupted(term, follow())
    if term.rich:
        await term.status("")
    if left:
        return Reply((GOES_ON,))
    return Reply(_end(seen[-1]), _data(seen[-1])) if seen else Reply((NONE,), {})


async def _understood(context: Context, arguments: tuple[str, ...]) -> _Wanted:
    """A backup's name ends in .zip, and may have a target with spaces in front of it."""
    words = " ".join(arguments).split()
    end = next((at for at, word in enumerate(words) if word.endswith(_SUFFIX) or word == LAST), None)
    if end is None:
        raise CommandError("which backup? Its name ends in .zip; last is the newest on this machine", RIGHT)
    rest = [word.casefold() for word in words[end + 1 :]]
    try:
        kinds = chosen(word for word in rest if word not in (PLAIN, FORCE))
    except RefusedError as exc:
        raise CommandError(exc.message, exc.hint) from exc
    name = " ".join(words[: end + 1])
    if name == LAST:
        name = await _newest(context)
    return _Wanted(name, kinds, PLAIN in rest, FORCE in rest)


async def _newest(context: Context) -> str:
    found = await context.services.backup.kept()
    if not found:
        raise CommandError("there is no backup on this machine", "backup makes one")
    return found[0].name


def _plan(plan: Plan) -> tuple[Line, ...]:
    first, *rest = lines(plan)
    return (first, *(_styled(line) for line in rest))


def _styled(line: str) -> Line:
    return (Span(f"  {line}", Style.BAD),) if line.startswith("careful") else f"  {line}"


def _told(state: RestoreState) -> Line:
    full = round(_BAR * state.percent / 100)
    return (
        Span(f"  [{'#' * full}{'.' * (_BAR - full)}] {state.percent:>3} %  ", Style.KEY),
        Span(f"{state.step} (begun by {state.who})"),
    )


def _end(state: RestoreState) -> tuple[Line, ...]:
    found: list[Line] = [(Span(state.result or state.step, Style.BAD if state.failed else Style.GOOD),)]
    if state.hint:
        found.append(f"  {state.hint}")
    found += [f"  {each}" for each in state.notes]
    if state.saved:
        found.append(f"  The state before it is in {state.saved}.")
    return tuple(found)


def _data(state: RestoreState) -> dict[str, object]:
    return {**asdict(state), "began": state.began.isoformat()}
