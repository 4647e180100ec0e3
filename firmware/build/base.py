"""Stage 1: Debian's packages, unpacked and set up, as one archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from firmware.build import apt
from firmware.build.recipe import IMAGE, Recipe, digest
from firmware.build.running import BuildError, program, run
from firmware.build.stages import Stages, alone

ARCHIVE = "root.tar"
SOURCES_FOLDER = Path("/etc/apt")
EPOCH = "1700000000"
"""What is made during the installation gets this time at most; the slot sets all times anew."""

MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Makes /bin and its like links into /usr before any package is there: no package has to move files."""


def machine_sources(folder: Path = SOURCES_FOLDER) -> str:
    """Debian's own sources as this machine has them configured. Raises BuildError."""
    parts = folder / "sources.list.d"
    files = [folder / "sources.list", *parts.glob("*.list"), *parts.glob("*.sources")]
    found = apt.chosen({str(one): one.read_text(errors="replace") for one in files if one.is_file()})
    if f" {apt.SUITE} main" not in found:
        raise BuildError(
            f"apt on this machine has no source of Debian 12 ({apt.SUITE} main)",
            f"the image is built on Debian 12: see {folder}",
        )
    return found


def packages(recipe: Recipe, engine: tuple[str, ...]) -> tuple[str, ...]:
    """Debian packages of the image by name; `engine`: those that the SIP engine links to."""
    listed = [*_lines(IMAGE / "packages.txt"), *_lines(IMAGE / "kernels" / f"{recipe.kernel}.txt"), *engine]
    return tuple(dict.fromkeys(listed))


def made(recipe: Recipe, stages: Stages, engine: tuple[str, ...]) -> Path:
    """The archive. It is kept while its inputs stay; newer packages of Debian come with another build of it
    (`--fresh`)."""
    wanted = packages(recipe, engine)
    sources = machine_sources()
    left_out = IMAGE / "left-out.txt"
    modules, hook = IMAGE / "initramfs-modules", IMAGE / "initramfs-hook"

    def make(folder: Path, tell: Callable[[str], None]) -> None:
        (folder / "debian.list").write_text(sources)
        place = '"$1"/usr/share/initramfs-tools'
        initramfs = (
            f"mkdir -p {place}/modules.d {place}/hooks"
            f" && cp {modules} {place}/modules.d/callisto && cp {hook} {place}/hooks/callisto"
        )
        run(
            [
                *alone(),
                program("mmdebstrap", "mmdebstrap"),
                *("--mode=auto", "--variant=essential", "--format=tar"),
                "--aptopt=Apt::Install-Recommends false",
                f"--dpkgopt={left_out}",
                f"--hook-dir={MERGED}",
                f"--essential-hook={initramfs}",
                f"--include={','.join(wanted)}",
                *(apt.SUITE, folder / ARCHIVE, folder / "debian.list"),
            ],
            env={"SOURCE_DATE_EPOCH": EPOCH, "TMPDIR": str(folder)},
            tell=lambda line: tell(line.removeprefix("I: ")) if line.startswith("I: ") else None,
        )
        (folder / "debian.list").unlink()

    key = digest(Path(__file__), *wanted, sources, left_out, modules, hook)
    return stages.made(f"base-{recipe.kernel}", f"Debian's packages ({recipe.kernel})", key, make) / ARCHIVE


def _lines(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]
