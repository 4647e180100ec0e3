"""How long an image takes onto a file: ours, which reads it back, beside bmaptool and dd, in turn.

`python -P -m tests.bench.flash` takes the newest image of build/image, or the one that --image names, with
its manifest, its signature and keyring.pem beside it. No disk is written to, only files.

Exit code 0: every mark that could be measured is met; 1: one is not; 2: there is no image.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.page import Mark, Section, all_met, number, table
from tests.bench.systems import AbsentError

HERE = Path(__file__).parents[2]
IMAGES = HERE / "build" / "image"
ROUNDS = 7
OF_BMAPTOOL, OF_DD = 1.5, 3.0
WITHIN = 600.0


@dataclass(slots=True)
class Way:
    """`argv` writes the image to an empty file; `seconds`: of each round."""

    name: str
    about: str
    argv: tuple[str, ...]
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds else None


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="callisto-flash-", dir=options.folder) as folder:
        try:
            section = measure("", Path(folder), (), options.image, options.rounds)
        except AbsentError as exc:
            print(exc, file=sys.stderr)
            return 2
    for mark in section.marks:
        print(f"{'?' if mark.met is None else '+' if mark.met else '-'} {mark.text}: {mark.measured}")
    print(section.text)
    return 0 if all_met([section]) else 1


def measure(
    _program: str,
    folder: Path,
    conditions: tuple[str, ...],
    image: Path | None = None,
    rounds: int = ROUNDS,
) -> Section:
    """Raises AbsentError without an image."""
    image = image or newest()
    target = folder / "target.img"
    ways = tuple(_ways(image, target, folder))
    for _ in range(rounds):
        for way in ways:
            way.seconds.append(_timed(way.argv, target))
    return Section("flash", conditions, tuple(_marks(ways)), _text(ways, image))


def newest(folder: Path = IMAGES) -> Path:
    """The plain image that was made last. Raises AbsentError."""
    found = [one for one in folder.glob("*.img") if one.with_name(f"{one.name}.json").is_file()]
    if not found:
        raise AbsentError(f"there is no image in {folder}: make image")
    return max(found, key=lambda one: one.stat().st_mtime)


def _ways(image: Path, target: Path, folder: Path) -> Iterator[Way]:
    packed = image.with_name(f"{image.name}.zst")
    sources = [("", image)] + ([(" .zst", packed)] if packed.is_file() else [])
    bmaptool = shutil.which("bmaptool")
    if bmaptool:
        bmap = folder / "image.bmap"
        _run((bmaptool, "-q", "create", "-o", str(bmap), str(image)))
    keyring = image.with_name("keyring.pem")
    for kind, source in sources:
        argv = (sys.executable, "-P", "-m", "appliance", "flash", str(source), str(target))
        yield Way(f"callisto{kind}", "signature, hashes, reading back", (*argv, "--keyring", str(keyring)))
        if bmaptool:
            argv = (bmaptool, "-q", "copy", "--bmap", str(bmap), str(source), str(target))
            yield Way(f"bmaptool{kind}", "hashes", argv)
    dd = ("dd", f"if={image}", f"of={target}", "bs=4M", "conv=fsync", "status=none")
    yield Way("dd", "bs=4M conv=fsync, every byte", dd)


def _timed(argv: tuple[str, ...], target: Path) -> float:
    """From the start of the program to its end, onto a file that is new, with nothing left to be written."""
    target.unlink(missing_ok=True)
    target.touch()
    _run(("sync", "-f", str(target)))
    began = time.monotonic()
    _run(argv)
    seconds = time.monotonic() - began
    target.unlink()
    return seconds


def _run(argv: Sequence[str]) -> None:
    """With modules that are compiled at their first use and kept, as those of an installed program are."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        argv, cwd=HERE, env=kept, capture_output=True, text=True, timeout=WITHIN, check=False
    )
    assert not done.returncode, f"{argv[0]}: {done.stderr.strip()[-300:]}"


def _marks(ways: Sequence[Way]) -> Iterator[Mark]:
    of = {way.name: way.median for way in ways}
    for kind in ("", " .zst"):
        if (ours := of.get(f"callisto{kind}")) is None:
            continue
        text = f"at most {OF_BMAPTOOL:g} times the time of bmaptool{kind}, with reading back"
        theirs = of.get(f"bmaptool{kind}")
        if theirs is None:
            yield Mark(text, "bmaptool is not here: apt-get install bmap-tools", None)
        else:
            yield Mark(
                text, f"{ours / theirs:.2f} times ({ours:.2f} s, {theirs:.2f} s)",
                ours <= OF_BMAPTOOL * theirs,
            )  # fmt: skip
    ours, dd = of.get("callisto"), of.get("dd")
    if ours and dd:
        text = f"at least {OF_DD:g} times as fast as dd"
        yield Mark(text, f"{dd / ours:.1f} times ({ours:.2f} s, {dd:.2f} s)", dd >= OF_DD * ours)


def _text(ways: Sequence[Way], image: Path) -> str:
    stat = image.stat()
    rows = [
        (way.name, way.about, number(way.median, 2), ", ".join(f"{each:.2f}" for each in way.seconds))
        for way in ways
    ]
    return (
        f"{image.name}: {stat.st_size / 1e6:.0f} MB, of which its file holds"
        f" {stat.st_blocks * 512 / 1e6:.0f} MB; to a new file.\n\n"
        + table(("with", "what it does", "median, s", "each round, s"), rows)
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", type=Path, help="a plain image; the newest of build/image unless given")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path, help="where the file is written; the temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
