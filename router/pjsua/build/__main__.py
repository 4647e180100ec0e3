"""`python3 -m router.pjsua.build`: the wheel of the large PJSUA2, from the cache or built.

The wheel's path is the only line on standard output. Exit status: 0 there it is; 3 it cannot be built on
this machine (with `--cached`: it is not in the cache); 1 the build failed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from router.pjsua.build import cache, compiling, requirements, sources, wheel
from router.pjsua.build.recipe import Recipe
from router.pjsua.build.stage import BuildError, Stages

FAILED, UNAVAILABLE = 1, 3


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m router.pjsua.build", description=__doc__)
    parser.add_argument("--cached", action="store_true", help="only look into the cache")
    parser.add_argument(
        "--key", action="store_true", help="print what names this recipe's result in the cache"
    )
    parser.add_argument("--missing", action="store_true", help="print the Debian packages that a build lacks")
    parser.add_argument(
        "--run-time", action="store_true", help="print the Debian packages that the result needs"
    )
    options = parser.parse_args(arguments)
    recipe = Recipe()
    kept = cache.Cache(cache.root(), f"{recipe.digest()}-{wheel.python_tag()}-{wheel.platform_tag()}")
    if options.key or options.missing or options.run_time:
        print(_asked(options, kept))
        return 0
    found = kept.wheel()
    if found is None and options.cached:
        return UNAVAILABLE
    if found is None:
        lacking = requirements.missing()
        if lacking:
            return _refuse(lacking)
        try:
            found = build(recipe, kept)
        except BuildError as exc:
            print(f"engine: {exc}\n  {exc.hint}", file=sys.stderr)
            return FAILED
    print(found)
    return 0


def build(recipe: Recipe, kept: cache.Cache) -> Path:
    """Build in a folder of its own beside the cache; nothing half-made is left behind."""
    with kept.locked():
        found = kept.wheel()
        if found is not None:
            return found
        stages = Stages(kept.logs, sys.stderr)
        stages.say(f"building PJSUA2 with {recipe.legs} call legs, once; it takes some minutes")
        with tempfile.TemporaryDirectory(prefix="work-", dir=kept.root, ignore_cleanup_errors=True) as name:
            work = Path(name)
            shutil.rmtree(kept.logs, ignore_errors=True)
            archive = sources.fetch(kept.sources, work, stages)
            pjproject = sources.unpack(archive, work / "pjproject")
            module = compiling.compile_module(work / "pjproject", recipe, stages)
            identity = wheel.Identity(recipe.version(pjproject), wheel.python_tag(), wheel.platform_tag())
            facts: dict[str, object] = {
                "legs": recipe.legs,
                "limits": dict(recipe.limits),
                "pjproject": pjproject,
                "recipe": recipe.digest(),
                "sources": archive.name,
            }
            wheel.lay_out(work / "wheel", identity, module.python, module.binary, facts)
            compiling.checked(sys.executable, work / "wheel", recipe, stages)
            found = wheel.pack(work / "wheel", identity, kept.built)
        stages.say(f"done: {found.name}")
        return found


def _asked(options: argparse.Namespace, kept: cache.Cache) -> str:
    if options.key:
        return kept.key
    if options.missing:
        return " ".join(requirements.packages(requirements.missing()))
    return " ".join(requirements.RUN_TIME_PACKAGES)


def _refuse(lacking: tuple[requirements.Missing, ...]) -> int:
    print("engine: this machine lacks what a build needs:", file=sys.stderr)
    for item in lacking:
        print(f"  {item.what}" + (f"  (Debian: {item.package})" if item.package else ""), file=sys.stderr)
    packages = requirements.packages(lacking)
    if packages:
        print(f"  to get it, as root: apt-get install {' '.join(packages)}", file=sys.stderr)
    return UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
