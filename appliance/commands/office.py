"""`callisto import` and `callisto export`: the office as a YAML file."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.commands.opened import DONE, REFUSED, actor, make_state, with_store
from appliance.commands.say import complain
from appliance.config import Config
from appliance.sysinfo import memory_mb
from db.store import Store
from db.transfer import OfficeError, dump, load_file, save


def import_(config: Config, path: Path) -> int:
    """All or nothing: every problem of the file is named, and nothing is changed."""

    def work(store: Store) -> int:
        try:
            office = load_file(path, edition=config.edition, ram_mb=memory_mb(), present=store.office.read())
        except OfficeError as exc:
            for problem in exc.problems:
                field = f"{problem.field}: " if problem.field else ""
                print(f"{path}:{problem.line}: {field}{problem.message}", file=sys.stderr)
            complain(f"{len(exc.problems)} problem(s), nothing has been changed")
            return REFUSED
        print(store.office.write(office, actor()).words())
        return DONE

    make_state(config)
    return with_store(config, work, make=True)


def export(config: Config, path: Path) -> int:
    """To a file for its owner alone, with password hashes; to standard output without them."""

    def work(store: Store) -> int:
        office = store.office.read()
        if str(path) == "-":
            print(dump(office, passwords=False), end="")
            return DONE
        try:
            save(path, dump(office))
        except OSError as exc:
            complain(f"{path} cannot be written: {exc.strerror}")
            return REFUSED
        print(f"{len(office.users)} users and {len(office.groups)} groups are in {path}")
        return DONE

    return with_store(config, work)
