"""`callisto update`: updates, by the appliance that runs."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from appliance.clock import local_zone
from appliance.commands.opened import actor
from appliance.commands.say import complain
from appliance.config import Config
from appliance.control.client import ControlClient
from appliance.control.update import ControlUpdates
from appliance.when import WhenError, parse
from shell.ports import SystemUnavailableError
from shell.safe import safe
from shell.update_ports import Update, UpdateRefusedError, UpdateState

DONE, REFUSED, WRONG, NOTHING_RUNS = 0, 1, 2, 3
GONE_WITHIN = 60.0
"""Seconds in which the appliance answers again that an update has started anew."""
_BAR = 30
_CLEAR = "\r\x1b[K"


def run(config: Config, args: argparse.Namespace) -> int:
    """0: done, or planned; 1: refused, or it has failed; 3: nothing runs. Ctrl-C leaves it; it goes on."""
    try:
        return asyncio.run(_run(config, args))
    except SystemUnavailableError as exc:
        complain(
            f"no appliance answers: {exc}", "start one with callisto run; CALLISTO_STATE says where to look"
        )
        return NOTHING_RUNS
    except UpdateRefusedError as exc:
        complain(safe(exc.message), safe(exc.hint))
        return REFUSED
    except WhenError as exc:
        complain(str(exc))
        return WRONG


async def _run(config: Config, args: argparse.Namespace) -> int:
    who = actor()
    async with ControlClient(config.control_socket) as control:
        port = ControlUpdates(control)
        match args.action:
            case "add":
                return await _add(config, port, args.file.absolute())
            case "list":
                _tell_all(await port.listed(), as_json=args.json)
                return DONE
            case "install":
                at = _time(args.at) if args.at else None
                begun = await port.install(args.name, who, downgrade=args.downgrade, at=at)
            case "delete":
                await port.delete(args.name, who)
                print(f"{safe(args.name)} is deleted")
                return DONE
            case "cancel":
                print(safe((await port.cancel(who)).result))
                return DONE
            case "back":
                if not _agreed(await port.lost_by_back(), yes=args.yes):
                    return REFUSED
                begun = await port.back(who)
            case "reboot":
                begun = await port.reboot(who)
            case _:
                return await _status(port, as_json=args.json)
    if begun.at is not None:
        print(f"{safe(begun.name)} is installed at {begun.at.astimezone():%Y-%m-%d %H:%M}")
        return DONE
    return await _follow(config, begun.number, begun.what)


def _agreed(lost: Sequence[str], *, yes: bool) -> bool:
    """Say what is lost, and whether it is to be; nobody is asked where nothing is."""
    for line in lost:
        print(safe(line), file=sys.stderr)
    if yes or not lost:
        return True
    if not sys.stdin.isatty():
        complain("this asks first, and nobody is there to be asked", "instead: callisto update back --yes")
        return False
    return input("Go back? (yes/no) ").strip().casefold() in ("y", "yes")


async def _add(config: Config, port: ControlUpdates, file: Path) -> int:
    looking = asyncio.create_task(_look_on(config), name="look on")
    try:
        found = await port.add(file, actor())
    finally:
        looking.cancel()
        await asyncio.wait({looking})
        _Bar().end()
    _tell(found)
    return DONE


async def _look_on(config: Config) -> None:
    bar = _Bar()
    async with ControlClient(config.control_socket) as control:
        seen = False
        while not seen:
            async for state in ControlUpdates(control).follow():
                if not state.done and state.what == "verify":
                    seen = True
                    bar.show(state)
            await asyncio.sleep(0.05)


async def _follow(config: Config, number: int, what: str) -> int:
    """To its end, also over a start of the supervisor: an update that runs is one."""
    bar = _Bar()
    loop = asyncio.get_running_loop()
    gone = 0.0
    while True:
        try:
            async with ControlClient(config.control_socket) as control:
                async for state in ControlUpdates(control).follow():
                    gone = 0.0
                    if state.number != number:
                        raise UpdateRefusedError(
                            "another one is being done already", "callisto update status"
                        )
                    bar.show(state)
                    if state.done:
                        bar.end()
                        return _end(state)
        except SystemUnavailableError:
            if what == "reboot":
                bar.end()
                print("the machine starts anew; log in again in a minute or two")
                return DONE
        gone = gone or loop.time()
        if loop.time() - gone > GONE_WITHIN:
            bar.end()
            raise SystemUnavailableError("it has started anew, and tells nothing of the update")
        await asyncio.sleep(0.3)


def _end(state: UpdateState) -> int:
    if state.failed:
        complain(safe(state.result), safe(state.hint))
        return REFUSED
    print(safe(state.result))
    if state.hint:
        print(f"  {safe(state.hint)}")
    return DONE


async def _status(port: ControlUpdates, *, as_json: bool) -> int:
    state, notices, past = await port.state(), await port.notices(), await port.history()
    if as_json:
        found = {
            "state": asdict(state) if state else None,
            "notices": [asdict(each) for each in notices],
            "history": [asdict(each) for each in past],
        }
        print(json.dumps(found, ensure_ascii=False, indent=2, default=_plain))
        return DONE
    if state is None:
        print("nothing is under way, and nothing is planned")
    elif state.at is not None and not state.done:
        print(f"planned: {safe(state.name)} at {state.at.astimezone():%Y-%m-%d %H:%M}, by {safe(state.who)}")
    elif state.done:
        print(f"{state.what} {safe(state.name)}: {safe(state.result)}")
    else:
        print(
            f"{state.what} {safe(state.name)}: {state.percent} %, {safe(state.doing)}, by {safe(state.who)}"
        )
    for each in notices:
        print(f"! {safe(each.text)}")
        print(f"  {safe(each.hint)}")
    for one in past[:10]:
        said = f"{one.at.astimezone():%Y-%m-%d %H:%M}  {one.kind} {one.start} -> {one.end}: {one.what}"
        print(safe(f"{said}: {one.reason}" if one.reason else said))
    return DONE


def _tell_all(found: object, *, as_json: bool) -> None:
    shown = [each for each in found if isinstance(each, Update)] if isinstance(found, tuple) else []
    if as_json:
        print(json.dumps([asdict(each) for each in shown], ensure_ascii=False, indent=2, default=_plain))
        return
    if not shown:
        print("no updates are here; callisto update add FILE takes one in")
    for each in shown:
        _tell(each)


def _tell(each: Update) -> None:
    what = f"{each.kind} {each.version}, " if each.kind else ""
    print(f"{safe(each.name)}: {what}{each.size / 1e6:,.1f} MB, {each.state}")
    if each.signer:
        built = f"{each.built_at.astimezone():%Y-%m-%d %H:%M}" if each.built_at else "unknown"
        print(f"  signed by {safe(each.signer)}, built {built}")
    if each.notes:
        print(f"  {safe(each.notes)}")
    for effect in each.effects:
        print(f"  - {safe(effect)}")
    if each.verdict_reason:
        print(f"  ! {safe(each.verdict_reason)}; {safe(each.hint)}")


def _time(text: str) -> datetime:
    zone = local_zone()
    return parse(text, datetime.now(zone), zone)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class _Bar:
    """On a terminal, a bar; else a line for each step."""

    def __init__(self) -> None:
        self._rich = sys.stderr.isatty()
        self._shown = ""

    def show(self, state: UpdateState) -> None:
        if state.done:
            return
        full = round(_BAR * state.percent / 100)
        bar = f"[{'#' * full}{'.' * (_BAR - full)}] {state.percent:>3} %  "
        shown = f"{bar if self._rich else ''}{safe(state.doing)}"
        if shown != self._shown:
            self._shown = shown
            sys.stderr.write(f"{_CLEAR}{shown}" if self._rich else f"{shown}\n")
            sys.stderr.flush()

    def end(self) -> None:
        if self._rich:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
