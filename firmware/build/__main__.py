"""`python -m firmware.build image|application|repro|lock`: behind `make image` and `make repro`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from firmware import release
from firmware.build import application, bundle, contents, image, keys, locked, repro
from firmware.build.recipe import CHECKOUT, KERNELS, Recipe
from firmware.build.running import BuildError, run
from firmware.build.stages import Stages
from firmware.signature import SignatureError
from firmware.versions import parse_version

FAILED, DIFFERENT = 1, 3


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument("goal", choices=("image", "application", "repro", "lock"))
    parser.add_argument("--kernel", choices=KERNELS, default="generic")
    parser.add_argument("--fast", action="store_true", help="pack in seconds, larger: for trying")
    parser.add_argument("--fresh", action="store_true", help="ask Debian for newer packages, keep nothing")
    text = "not with other packages of Debian than those of the lock"
    parser.add_argument("--locked", action="store_true", help=text)
    text = "build it as this release, and not as that of setup.cfg: for trying updates"
    parser.add_argument("--release", type=parse_version, metavar="VERSION", help=text)
    parser.add_argument("--notes", default="", help="one line for those who are to install the update")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "build" / "image")
    options = parser.parse_args(arguments)
    output: Path = options.output.absolute()
    try:
        version = str(options.release or release.running().parsed)
        recipe = Recipe(version, options.kernel, options.fast, epoch(), options.notes)
        signing = keys.chosen(output.parent / "keys")
        if signing.own:
            say(f"signed by the development keys in {signing.keyring.parent}: only its images trust them")
        stages = Stages(output / "cache", say, reuse=not options.fresh)
        with stages.alone():
            if options.goal == "repro":
                return _repro(recipe, output, signing)
            if options.goal == "lock":
                return _lock(recipe, signing, stages)
            if options.goal == "application":
                return _application(recipe, output, signing, stages)
            return _image(recipe, output, signing, stages, locked_only=options.locked)
    except (BuildError, SignatureError) as exc:
        hint = getattr(exc, "hint", "")
        print(f"image: {exc}{f'{chr(10)}  {hint}' if hint else ''}", file=sys.stderr)
        return FAILED


def _image(recipe: Recipe, output: Path, signing: keys.Keys, stages: Stages, *, locked_only: bool) -> int:
    began = time.monotonic()
    made = image.parts(recipe, stages, signing)
    _compare(recipe, made.tree, locked_only=locked_only)
    whole = image.results(recipe, made, signing, output, say)
    say(f"done in {time.monotonic() - began:.0f} s; the slot has {made.slot.stat().st_size / 1e6:.0f} MB")
    for one in sorted([*output.glob(f"{recipe.name}.*"), output / recipe.application]):
        size = one.stat()
        sparse = f", {size.st_blocks * 512 / 1e6:.0f} MB of them written" if one == whole else ""
        say(f"  {one}  {size.st_size / 1e6:.1f} MB{sparse}")
    return 0


def _compare(recipe: Recipe, tree: Path, *, locked_only: bool) -> None:
    """Raises BuildError when Debian's packages are not those of the lock, and have to be."""
    file = locked.path(recipe.kernel)
    if not file.is_file():
        moved: tuple[str, ...] = (f"there is no lock of Debian's packages, {file.name}",)
    else:
        moved = locked.moved(locked.read(file.read_text()), locked.of_packages(contents.of_tree(tree)))
    if moved and locked_only:
        raise BuildError(
            "Debian's packages are not those of the lock:\n" + "\n".join(f"    {line}" for line in moved),
            f"build without --locked, or lock those of today: "
            f"python -P -m firmware.build lock --kernel {recipe.kernel}",
        )
    for line in moved:
        say(f"  other than locked: {line}")


def _lock(recipe: Recipe, signing: keys.Keys, stages: Stages) -> int:
    tree = image.tree(recipe, stages, signing)
    file = locked.path(recipe.kernel)
    file.parent.mkdir(exist_ok=True)
    file.write_text(locked.written(locked.of_packages(contents.of_tree(tree))))
    say(f"  {file}")
    return 0


def _application(recipe: Recipe, output: Path, signing: keys.Keys, stages: Stages) -> int:
    tree = application.tree(recipe, stages)
    payload = application.packed(recipe, stages, tree, tree.name)
    made = bundle.application(recipe, payload, signing, output / recipe.application)
    say(f"  {made}  {made.stat().st_size / 1e6:.1f} MB")
    return 0


def _repro(recipe: Recipe, output: Path, signing: keys.Keys) -> int:
    broken = repro.compare(recipe, output / "repro", signing, say)
    for line in broken:
        print(f"image: differs: {line}", file=sys.stderr)
    if not broken:
        say("both builds gave the same root and the same disk, byte for byte")
    return DIFFERENT if broken else 0


def epoch() -> int:
    """The time of what is built: SOURCE_DATE_EPOCH, else of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isdigit():
        return int(given)
    return int(run(["git", "log", "-1", "--format=%ct"], folder=CHECKOUT))


def say(text: str) -> None:
    print(f"image: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
