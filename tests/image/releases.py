"""Releases to update to: made in seconds from the root file system that the image under test was made of.

Good ones and such as do not work, both signed as they should be; and such as nobody may install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from firmware.build import bundle, keys
from firmware.build.bundle import Store
from firmware.build.environment import FOLDER
from firmware.build.keys import Keys
from firmware.build.recipe import PRODUCT, PYTHON, Recipe
from firmware.update.bundle import SUFFIX
from firmware.update.sheet import Kind
from firmware.update.verity import BLOCK

PLACE = Path("opt/callisto")
PACKAGES = PLACE / FOLDER / f"lib/python{PYTHON}/site-packages"
EPOCH = 1_790_000_000
QUICKLY = ("-comp", "gzip", "-Xcompression-level", "1", "-noappend", "-no-xattrs", "-no-progress", "-quiet")
Change = Callable[[Path], None]
"""Made to the root file system of a release, whose path it gets. It replaces files and never writes into
them: they are those of the image under test too."""

MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = "{head}"
down_revision = "{before}"


def upgrade():
    op.create_table(
        "{table}", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("odd", sa.LargeBinary())
    )
"""
ADDED = "trying"
"""The table of a store that has been migrated."""

DIES = "\n\nimport sys\n\nif {role!r} in sys.argv[1:]:\n    raise SystemExit('this release is broken')\n"
"""Only as that service: whoever tries the store with it beforehand finds nothing wrong."""


def shell_dies(root: Path) -> None:
    """The Telnet service ends at once, whenever it is started."""
    _module(root, "appliance/roles/shell.py", DIES.format(role="shell"))


def web_dies(root: Path) -> None:
    _module(root, "appliance/roles/web.py", DIES.format(role="web"))


def kernel_is_none(root: Path) -> None:
    """The boot menu cannot read it."""
    put(root / "boot/vmlinuz", b"this is no kernel")


def nothing_to_start_from(root: Path) -> None:
    """The kernel starts, finds no root file system, and gives up."""
    put(root / "boot/initrd.img", b"this is no initial file system")


def newest_schema(root: Path) -> str:
    versions = root / PACKAGES / "db/migrations/versions"
    return max(one.name[1:5] for one in versions.glob("v[0-9]*.py"))


def migrates(root: Path) -> None:
    """Its store has one table more."""
    before = newest_schema(root)
    head = f"{int(before) + 1:04d}"
    step = root / PACKAGES / f"db/migrations/versions/v{head}_trying.py"
    step.write_text(MIGRATION.format(head=head, before=before, table=ADDED))


@dataclass(frozen=True, slots=True)
class Releases:
    """`tree`: the root file system of the image under test; `signed`: by whom it takes updates; `folder`:
    where the bundles are put."""

    tree: Path
    signed: Keys
    folder: Path

    def system(self, version: str, *changes: Change) -> Path:
        with self._changed(version, changes) as root:
            slot = self._packed(root)
            of = Store(newest_schema(root), bundle.store().oldest_schema)
            try:
                return bundle.system(self._recipe(version), slot, self.signed, self._path(version, ""), of)
            finally:
                slot.unlink()

    def application(self, version: str, *changes: Change) -> Path:
        with self._changed(version, changes) as root:
            payload = self._packed(root / PLACE)
            try:
                output = self._path(version, ".app")
                return bundle.application(self._recipe(version), payload, self.signed, output)
            finally:
                payload.unlink()

    def hollow(self, version: str, kind: Kind = "system", *, base: str = "", by: Keys | None = None) -> Path:
        """Signed and whole, and there is nothing in it: for what has to be refused before anybody looks.
        `base`: another one than this system has."""
        what = bundle.described(self._recipe(version), kind, bundle.store())
        payload = self.folder / "hollow"
        payload.write_bytes(os.urandom(64 * BLOCK))
        signer, name = by or self.signed, "-foreign" if by else ""
        images = {"image.rootfs": {"sha256": "0" * 64, "size": "0", "filename": bundle.IMAGE}}
        output = self.folder / f"hollow-{version}{name}{'.app' if kind == 'application' else ''}{SUFFIX}"
        given = replace(what, base=base or what.base)
        return bundle.made(given, payload, images if kind == "system" else {}, signer, output)

    def foreign(self, version: str) -> Path:
        """By somebody with keys of his own, which look like ours."""
        return self.hollow(version, by=keys.own(self.folder / "foreign-keys"))

    def _recipe(self, version: str) -> Recipe:
        return Recipe(version, "cloud", True, EPOCH, f"{version}, for trying")

    def _path(self, version: str, kind: str) -> Path:
        return self.folder / f"{PRODUCT}-{version}{kind}{SUFFIX}"

    @contextmanager
    def _changed(self, version: str, changes: tuple[Change, ...]) -> Iterator[Path]:
        root = self.tree.parent / "changed"
        shutil.rmtree(root, ignore_errors=True)
        try:
            subprocess.run(["cp", "-al", self.tree, root], check=True)
            _called(root, version)
            for change in changes:
                change(root)
            yield root
        finally:
            shutil.rmtree(root)

    def _packed(self, folder: Path) -> Path:
        packed = self.folder / "packed"
        subprocess.run(["mksquashfs", folder, packed, *QUICKLY], check=True, stdout=subprocess.DEVNULL)
        return packed


def tampered(whole: Path) -> Path:
    """One bit of its content is another; signature and size are as they were."""
    copy = whole.with_name(f"tampered-{whole.name}")
    shutil.copyfile(whole, copy)
    with copy.open("r+b") as file:
        file.seek(10 * BLOCK + 1)
        byte = file.read(1)[0]
        file.seek(10 * BLOCK + 1)
        file.write(bytes([byte ^ 1]))
    return copy


def truncated(whole: Path) -> Path:
    """As an upload that broke off leaves it."""
    copy = whole.with_name(f"truncated-{whole.name}")
    shutil.copyfile(whole, copy)
    os.truncate(copy, whole.stat().st_size // 2)
    return copy


def put(path: Path, content: bytes) -> None:
    """In the place of a file that others may share."""
    path.unlink()
    path.write_bytes(content)


def _called(root: Path, version: str) -> None:
    for metadata in (root / PACKAGES).glob("callisto_appliance-*.dist-info/METADATA"):
        lines = metadata.read_text().split("\n")
        first = next(at for at, line in enumerate(lines) if line.startswith("Version: "))
        lines[first] = f"Version: {version}"
        put(metadata, "\n".join(lines).encode())
    release = root / "usr/lib/os-release"
    if release.exists():
        text = release.read_text().splitlines()
        said = [f"IMAGE_VERSION={version}" if one.startswith("IMAGE_VERSION=") else one for one in text]
        put(release, "\n".join([*said, ""]).encode())


def _module(root: Path, name: str, more: str) -> None:
    """`more` at its end. Compiled ones are taken without a look at their source."""
    path = root / PACKAGES / name
    put(path, path.read_bytes() + more.encode())
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()
