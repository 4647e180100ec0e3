"""`callisto backup`: everything in one file, proven, by this process; also when nothing runs."""

from __future__ import annotations

import getpass
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from appliance.backup_source import source_of
from appliance.commands.opened import DONE, REFUSED, actor, make_state
from appliance.commands.say import complain
from appliance.config import Config
from db.backup.errors import BackupError
from db.backup.folder import pieces, thin
from db.backup.making import Made, make
from db.backup.names import name_of
from db.backup.password import checked
from db.backup.progress import Progress
from db.errors import StoreError
from db.store import Store
from shell.safe import safe

OUT = "-"
_BAR = 30
_CLEAR = "\r\x1b[K"


def run(config: Config, file: str | None, *, plain: bool, password_file: Path | None) -> int:
    """0: made and proven; 1: refused, and nothing is left. `file` None: among the backups of this machine; a
    folder: there, under a name of its own; `-`: to standard output, when it is proven."""
    try:
        make_state(config)
        config.backups.mkdir(mode=0o700, exist_ok=True)
        place = _place(config, file)
        made = _made(config, place, _password(plain=plain, file=password_file))
        if file == OUT:
            _write_out(made.file)
        elif file is None:
            thin(config.backups, config.keep_backups)
    except StoreError as exc:
        complain(exc.message, exc.hint)
        return REFUSED
    except BrokenPipeError:
        raise
    except OSError as exc:
        complain(f"{exc.filename or 'the disk'}: {exc.strerror or exc}", "nothing was made")
        return REFUSED
    _note(config, made, file)
    _tell(made, file)
    return DONE


def _place(config: Config, file: str | None) -> Path:
    name = name_of(platform.node(), datetime.now(UTC))
    if file == OUT and sys.stdout.isatty():
        raise BackupError(
            "a terminal cannot take a backup", hint="give a file, or a program: callisto backup - |"
        )
    if file in (None, OUT):
        return config.backups / name
    place = Path(str(file)).absolute()
    if place.is_dir():
        place = place / name
    if place.exists():
        raise BackupError(f"{place} is there already", hint="give another name, or a folder")
    if not place.parent.is_dir():
        raise BackupError(f"there is no folder {place.parent}", hint="make it, or give another")
    return place


def _password(*, plain: bool, file: Path | None) -> str:
    if plain:
        return ""
    if file is not None:
        found = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        if not found:
            raise BackupError(
                f"{file} has no password in its first line", hint="write one there, or give --plain"
            )
        return checked(found)
    if not sys.stdin.isatty():
        raise BackupError(
            "this asks for a password, and nobody is there to be asked",
            hint="give --password-file FILE, or --plain for a backup that anybody can read",
        )
    first = getpass.getpass("Password of the backup, Enter for none: ", sys.stderr)
    if first and getpass.getpass("Once more: ", sys.stderr) != first:
        raise BackupError("the two are not the same", hint="nothing was made; try again")
    return checked(first)


def _made(config: Config, place: Path, password: str) -> Made:
    who = f"{actor().user or 'somebody'} (cli) since {datetime.now().astimezone():%H:%M:%S}"
    with _bar() as tell:
        return make(source_of(config, config.file), place, password, tell, who=who)


class _Bar:
    """On a terminal, a bar; else a line for each step."""

    def __init__(self) -> None:
        self.rich = sys.stderr.isatty()
        self._shown = ""

    def __call__(self, now: Progress) -> None:
        full = round(_BAR * now.percent / 100)
        shown = (
            f"[{'#' * full}{'.' * (_BAR - full)}] {now.percent:>3} %  {now.doing}" if self.rich else now.doing
        )
        if shown != self._shown:
            self._shown = shown
            sys.stderr.write(f"{_CLEAR}{shown}" if self.rich else f"{shown}\n")
            sys.stderr.flush()


@contextmanager
def _bar() -> Iterator[_Bar]:
    bar = _Bar()
    try:
        yield bar
    finally:
        if bar.rich:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()


def _write_out(file: Path) -> None:
    """It is gone by its name before the first byte goes out: nothing is left of it, whoever reads."""
    chunks = pieces(file)
    first = next(chunks, b"")
    file.unlink()
    out = sys.stdout.buffer
    out.write(first)
    for chunk in chunks:
        out.write(chunk)
    out.flush()


def _note(config: Config, made: Made, file: str | None) -> None:
    """A store that cannot be written has a backup all the same."""
    where = "standard output" if file == OUT else str(made.file)
    rows = sum(made.manifest.rows.values())
    detail = f"{where}: {made.size / 1e6:,.1f} MB with {rows:,} rows"
    with (
        suppress(StoreError),
        Store.open(config.store_url, config.edition, journal=config.journal_dir) as store,
    ):
        store.audit.note(actor(), "backup", detail)


def _tell(made: Made, file: str | None) -> None:
    told = sys.stderr if file == OUT else sys.stdout
    rows, files = sum(made.manifest.rows.values()), made.manifest.files
    where = "it" if file == OUT else safe(str(made.file))
    print(
        f"{where} is good: {made.size / 1e6:,.1f} MB with {rows:,} rows and {files:,} files,"
        f" read back and restored on trial, in {made.took_s:.1f} s",
        file=told,
    )
    for each in made.manifest.damaged[:20]:
        print(f"  damaged, and not in it: {safe(each)}", file=told)
    if names := ", ".join(made.manifest.without):
        print(f"  not in it, because it has no password: what {safe(names)} log in with", file=told)
