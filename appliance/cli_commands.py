"""Each command of the line, with the arguments that it was given.

Each imports what it needs late: `callisto version` loads no database.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.config import Config

DONE, WRONG = 0, 2


def run(config: Config, _: argparse.Namespace) -> int:
    from appliance.roles import supervisor

    return supervisor.main(config)


def init(config: Config, _: argparse.Namespace) -> int:
    from appliance.commands import init

    return init.make(config)


def status(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import status

    return status.show(config, as_json=args.json)


def selftest(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import selftest

    return selftest.run(config, as_json=args.json)


def health(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import health

    return health.run(config, args.within, args.expect)


def console(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import console

    if args.once:
        return console.once(config)
    return console.keep(config, [console.Screen(path) for path in args.on or [Path("/dev/stdout")]])


def support(config: Config, _: argparse.Namespace) -> int:
    from appliance.commands import support

    return support.make(config)


def compact(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import compact

    return compact.run(config, as_json=args.json)


def backup(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import backup

    return backup.run(config, args.file, plain=args.plain, password_file=args.password_file)


def restore(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import restore

    return restore.run(
        config,
        args.archive,
        args.only,
        password_file=args.password_file,
        dry=args.dry_run,
        yes=args.yes,
        as_json=args.json,
    )


def import_(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import office

    return office.import_(config, args.file)


def export(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import office

    return office.export(config, args.file)


def explain(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import explain

    return explain.show(config, group=args.group, caller=args.caller, at=args.at, as_json=args.json)


def repair(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import repair

    return repair.run(config, check=args.check, as_json=args.json, yes=args.yes)


def trace(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import trace

    return trace.live(config, args.choice, as_json=args.json)


def traces(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import trace

    return trace.show(config, args.name, as_json=args.json, draw=args.ladder, packets_to=args.pcap)


def flash(args: argparse.Namespace) -> int:
    """Of the machine that it runs on it needs no settings, so they may be wrong."""
    from appliance.commands import flash

    return flash.write(
        args.image,
        args.device,
        yes=args.yes,
        allow_fixed=args.allow_fixed,
        keyring=args.keyring,
        ask=input,
    )


def verify(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import flash, verify

    if args.image is None:
        return verify.check_all(config, keyring=args.keyring)
    if args.image.name.endswith(".raucb"):
        return verify.check(args.image, args.device, keyring=args.keyring)
    if args.device is None:
        from appliance.commands.say import complain

        complain("which disk holds the image?", f"callisto verify {args.image} DEVICE")
        return WRONG
    return flash.check(args.image, args.device, keyring=args.keyring)


def update(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import update

    return update.run(config, args)


def user_list(config: Config, _: argparse.Namespace) -> int:
    from appliance.commands import user

    return user.show(config)


def user_passwd(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import user

    return user.set_password(config, args.user)


def user_add(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import user

    return user.add(config, args.user, args.name, args.role)


def user_role(config: Config, args: argparse.Namespace) -> int:
    from appliance.commands import user

    return user.set_role(config, args.user, None if args.role == "none" else args.role)


def version() -> int:
    from firmware.release import running

    print(f"callisto {running().version}")
    return DONE
