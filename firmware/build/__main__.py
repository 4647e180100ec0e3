"""`python -m firmware.build image|repro`: behind `make image` and `make repro`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from firmware import release
from firmware.build import image, keys, repro
from firmware.build.recipe import CHECKOUT, KERNELS, Recipe
from firmware.build.running import BuildError, run
from firmware.build.stages import Stages
from firmware.signature import SignatureError

FAILED, DIFFERENT = 1, 3


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument("goal", choices=("image", "repro"))
    parser.add_argument("--kernel", choices=KERNELS, default="generic")
    parser.add_argument("--fast", action="store_true", help="pack in seconds, larger: for trying")
    parser.add_argument("--fresh", action="store_true", help="ask Debian for newer packages, keep nothing")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "build" / "image")
    options = parser.parse_args(arguments)
    output: Path = options.output.absolute()
    try:
        recipe = Recipe(release.running().version, options.kernel, options.fast, epoch())
        signing = keys.chosen(output.parent / "keys")
        if signing.own:
            say(f"signed by the development keys in {signing.keyring.parent}: only its images trust them")
        stages = Stages(output / "cache", say, reuse=not options.fresh)
        with stages.alone():
            if options.goal == "repro":
                return _repro(recipe, output, signing)
            return _image(recipe, output, signing, stages)
    except (BuildError, SignatureError) as exc:
        hint = getattr(exc, "hint", "")
        print(f"image: {exc}{f'{chr(10)}  {hint}' if hint else ''}", file=sys.stderr)
        return FAILED


def _image(recipe: Recipe, output: Path, signing: keys.Keys, stages: Stages) -> int:
    began = time.monotonic()
    made = image.parts(recipe, stages, signing)
    whole = image.results(recipe, made, signing, output, say)
    say(f"done in {time.monotonic() - began:.0f} s; the slot has {made.slot.stat().st_size / 1e6:.0f} MB")
    for one in sorted(output.glob(f"{recipe.name}.*")):
        size = one.stat()
        sparse = f", {size.st_blocks * 512 / 1e6:.0f} MB of them written" if one == whole else ""
        say(f"  {one}  {size.st_size / 1e6:.1f} MB{sparse}")
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
