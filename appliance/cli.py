"""The command `callisto`: what it can do, and how a refusal is said.

Exit codes: 0 done; 1 refused or failed; 2 wrong usage or configuration; 3 (status, selftest, support) nothing
runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance import cli_commands as do

if TYPE_CHECKING:
    from appliance.config import Config

REFUSED, WRONG = 1, 2
ENTRANCES = ("support", "administrator")
"""As what somebody may log in."""

CHOICE = "such as number 0441234567, call ID, process router, level warning, group call, sip, last 60s"

Command = Callable[["Config", argparse.Namespace], int]


def main(arguments: Sequence[str]) -> int:
    """Run one command; never raises for what people do wrong."""
    args = parser().parse_args(arguments)
    if args.version:
        return do.version()
    if args.command is None:
        parser().print_help()
        return WRONG
    try:
        return do.flash(args) if args.command is do.flash else _with_settings(args)
    except BrokenPipeError:  # `callisto status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    except KeyboardInterrupt:
        return REFUSED


def _with_settings(args: argparse.Namespace) -> int:
    from appliance.config import Config
    from appliance.config_settings import ConfigError

    command: Command = args.command
    try:
        return command(Config.load(os.environ, Path.cwd()), args)
    except ConfigError as exc:
        print(f"callisto: {exc}", file=sys.stderr)
        return WRONG


def parser() -> argparse.ArgumentParser:
    """Every command and option that works."""
    top = argparse.ArgumentParser(
        prog="callisto",
        description="A telephony appliance: calls to managers and assistants, administered by Telnet.",
        epilog="Settings come from callisto.toml here (or the file CALLISTO_CONFIG names) "
        "and from the environment, such as CALLISTO_TELNET_PORT.",
    )
    top.add_argument("--version", action="store_true", help="print the version")
    top.set_defaults(command=None)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    _add(commands, "run", do.run, "start the appliance here, in the foreground; Ctrl-C stops it")
    _add(
        commands, "init", do.init, "make the store with the sample office and an administrator, start nothing"
    )
    _add_looks(commands)
    compact = _add(
        commands, "compact", do.compact, "delete old records, and make the store small; calls go on"
    )
    compact.add_argument("--json", action="store_true", help="for programs")
    _add_backup(commands)
    _add_restore(commands)
    _add_repair(commands)
    _add_trace(commands)
    _add_office(commands)
    _add_flash(commands)
    _add_update(commands)
    _add_user(commands)
    _add(commands, "version", lambda _config, _args: do.version(), "print the version")
    return top


def _add(
    commands: Any, name: str, command: Command | Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    added.set_defaults(command=command)
    return added


def _add_looks(commands: Any) -> None:
    status = _add(commands, "status", do.status, "what runs, since when, and what is planned")
    status.add_argument("--json", action="store_true", help="for programs")
    selftest = _add(commands, "selftest", do.selftest, "check machine, network, PBX and store, with remedies")
    selftest.add_argument("--json", action="store_true", help="for programs")
    health = _add(commands, "health", do.health, "do all services answer? exit code 0 when they do")
    health.add_argument("--within", type=float, default=0.0, metavar="S", help="ask again for S seconds")
    health.add_argument("--expect", default="", metavar="VERSION", help="is it that version that answers?")
    console = _add(commands, "console", do.console, "the page of the machine's own screens, kept up to date")
    console.add_argument("--once", action="store_true", help="write it once, here")
    console.add_argument(
        "--on",
        action="append",
        type=Path,
        metavar="TERMINAL",
        help="such as /dev/tty1, once for each; here unless given",
    )
    _add(commands, "support", do.support, "all that is needed to find a fault, in one file without secrets")


def _add_backup(commands: Any) -> None:
    text = "everything in one file, with a password if you like, proven; also when nothing runs"
    backup = _add(commands, "backup", do.backup, text)
    backup.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a file or a folder, - for standard output; else it is kept here",
    )
    password = backup.add_mutually_exclusive_group()
    password.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the password")
    password.add_argument("--plain", action="store_true", help="without a password, and without asking")


def _add_restore(commands: Any) -> None:
    text = "a backup in the place of the present state, whole or in part; says what changes, and asks"
    restore = _add(commands, "restore", do.restore, text)
    restore.add_argument("archive", metavar="BACKUP", help="a file, one of this machine, or TARGET:NAME")
    restore.add_argument("--only", default="", metavar="KINDS", help="settings,users,groups,history,media")
    restore.add_argument("--dry-run", action="store_true", help="only say what would change")
    restore.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the password")
    restore.add_argument("--yes", action="store_true", help="do not ask")
    restore.add_argument("--json", action="store_true", help="for programs")


def _add_repair(commands: Any) -> None:
    repair = _add(
        commands, "repair", do.repair, "look for damage in the store and mend it; also when nothing runs"
    )
    repair.add_argument("--check", action="store_true", help="only say what is damaged: exit code 1 if it is")
    repair.add_argument("--json", action="store_true", help="for programs")
    repair.add_argument("--yes", action="store_true", help="do not ask")


def _add_trace(commands: Any) -> None:
    trace = _add(
        commands, "trace", do.trace, "see what happens, as it happens; it is kept too; Ctrl-C ends it"
    )
    trace.add_argument("choice", nargs="*", metavar="CHOICE", help=CHOICE)
    trace.add_argument("--json", action="store_true", help="an object a line, for programs")
    traces = _add(commands, "traces", do.traces, "what was kept of traces: list, show, draw, write out")
    traces.add_argument("name", nargs="?", metavar="NAME", help="a capture, or last; without it, all of them")
    form = traces.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--ladder", action="store_true", help="draw who sent what to whom")
    form.add_argument("--pcap", type=Path, metavar="FILE", help="packets for Wireshark; - for standard out")


def _add_office(commands: Any) -> None:
    importing = _add(commands, "import", do.import_, "replace the office by the one in a YAML file")
    importing.add_argument("file", type=Path, metavar="FILE")
    export = _add(
        commands, "export", do.export, "write the office as YAML: users, groups, contacts, variables"
    )
    export.add_argument("file", type=Path, metavar="FILE", help="- for standard output, without passwords")
    explain = _add(commands, "explain", do.explain, "what would happen if a number called a group")
    explain.add_argument("--group", required=True, metavar="NAME", help="the group's name")
    explain.add_argument("--from", required=True, dest="caller", metavar="NUMBER", help="who calls")
    explain.add_argument(
        "--at", metavar="TIME", help='such as "2026-12-24 14:30", "14:30" or "sunday 03:00"; else now'
    )
    explain.add_argument("--json", action="store_true", help="for programs")


def _add_flash(commands: Any) -> None:
    flash = _add(commands, "flash", do.flash, "write an image to a disk, read it back, make it boot")
    text = "is a disk, or an update, still what was signed? nothing is written"
    verify = _add(commands, "verify", do.verify, text)
    flash.add_argument("image", type=Path, metavar="IMAGE", help="with manifest and signature beside it")
    flash.add_argument("device", type=Path, metavar="DEVICE", help="a whole disk such as /dev/sdb, or a file")
    text = "an image, or an update (.raucb); without it, the updates on this machine"
    verify.add_argument("image", type=Path, nargs="?", metavar="IMAGE", help=text)
    text = "a whole disk, or a file, that holds the image; the slot that holds the update"
    verify.add_argument("device", type=Path, nargs="?", metavar="DEVICE", help=text)
    for command in (flash, verify):
        command.add_argument("--keyring", type=Path, metavar="FILE", help="PEM: whose signatures are good")
    text = "instead of typing it: the serial number of the disk, or the name of the file"
    flash.add_argument("--yes", metavar="SERIAL", help=text)
    text = "also to a disk that is not plugged in by USB or as a card"
    flash.add_argument("--allow-fixed", action="store_true", help=text)


def _add_update(commands: Any) -> None:
    text = "updates of the appliance: take one in, install it, go back"
    update = commands.add_parser("update", help=text, description=text[0].upper() + text[1:] + ".")
    actions = update.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        added = _add(actions, name, do.update, text)
        added.set_defaults(action=name)
        return added

    text = "verify an update wholly, and keep it here; nothing is installed"
    action("add", text).add_argument("file", type=Path, metavar="FILE")
    listing = action("list", "the updates that are here, and what each would do")
    listing.add_argument("--json", action="store_true", help="for programs")
    install = action("install", "install one, now or at a time")
    install.add_argument("name", metavar="NAME")
    install.add_argument("--at", metavar="TIME", help='such as "2026-12-24 03:00", "03:00" or "sunday 03:00"')
    install.add_argument("--downgrade", action="store_true", help="also one that is older than what runs")
    action("delete", "delete one that neither runs nor is the way back").add_argument("name", metavar="NAME")
    action("cancel", "what is planned is not done")
    back = action(
        "back", "to the version before; where something of the store is lost by it, this asks first"
    )
    back.add_argument("--yes", action="store_true", help="do not ask")
    action("reboot", "start the machine anew, into the system that was installed")
    status = action("status", "what is being done, is planned, and has come of it")
    status.add_argument("--json", action="store_true", help="for programs")


def _add_user(commands: Any) -> None:
    text = "who may log in, and their passwords"
    user = commands.add_parser("user", help=text, description=text[0].upper() + text[1:] + ".")
    actions = user.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add(actions, "list", do.user_list, "list the users and their roles")
    password = _add(actions, "passwd", do.user_passwd, "set a user's password, asked for on the terminal")
    password.add_argument("user", metavar="USER")
    text = "add somebody who may log in; the password is asked for on the terminal"
    added = _add(actions, "add", do.user_add, text)
    added.add_argument("user", metavar="USER")
    added.add_argument("--name", default="", help="the name for people")
    text = "support reads and traces, and changes nothing (the default)"
    added.add_argument("--role", choices=ENTRANCES, default=ENTRANCES[0], help=text)
    role = _add(actions, "role", do.user_role, "change as what a user may log in")
    role.add_argument("user", metavar="USER")
    role.add_argument("role", choices=(*ENTRANCES, "none"))
