"""Which PJSUA2 goes into an environment: the large one when it can be had, else the stock wheel."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import debian
import installing
import stamp
from checkout import CHECKOUT, lock
from say import say, stop

UNAVAILABLE = 3
IMPORTS = "import pjsua2; pjsua2.Endpoint"


def ensure(python: Path, made: stamp.Stamp, *, stock: bool = False) -> stamp.Stamp:
    """Put an engine in when there is none, or the large one in the stock wheel's place when it can be had.

    `stock` asks for the stock wheel whatever can be had.
    """
    key = recipe("--key").stdout.strip()
    if made.engine == (stamp.STOCK if stock else key):
        return made
    buildable = not stock and made.failed != key and not lacking()
    wheel = None if stock else _cached() or (_built() if buildable else None)
    if wheel is not None and _put_in(python, wheel):
        say("SIP engine: PJSUA2 built for 2048 call legs")
        return replace(made, engine=key, failed="")
    if made.engine != stamp.STOCK:
        installing.install(python, ["--force-reinstall", "--require-hashes", "-r", str(lock("engine"))])
    if stock:
        say("SIP engine: the stock PJSUA2 with 4 call legs, as asked")
        return replace(made, engine=stamp.STOCK)
    failed = key if buildable and wheel is None else made.failed
    _say_stock(failed=failed == key)
    return replace(made, engine=stamp.STOCK, failed=failed)


def build() -> None:
    """`make engine`: as root, with the packages it takes; ends the set-up when it cannot be built."""
    packages = lacking()
    if packages and debian.may_install():
        debian.install(packages, "the SIP engine is built from source")
    done = recipe()
    if done.returncode == UNAVAILABLE and packages:
        stop(f"install what the build needs and try again: {debian.command(packages)}")
    if done.returncode:
        raise SystemExit(done.returncode)
    say(f"the SIP engine of this Python is {done.stdout.strip()}")
    say("make run and make test put it in from now on")


def recipe(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the recipe with this interpreter; its progress goes to the terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "router.pjsua.build", *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if arguments and done.returncode not in {0, UNAVAILABLE}:
        stop("the recipe of the SIP engine is broken in this checkout: see above", 1)
    return done


def _cached() -> Path | None:
    path = recipe("--cached").stdout.strip()
    return Path(path) if path else None


def lacking() -> list[str]:
    """Debian packages that a build of the large engine still needs; none when it has been built."""
    return [] if _cached() else recipe("--missing").stdout.split()


def _built() -> Path | None:
    """The wheel, built now; None when the build fails, which it says itself."""
    path = recipe().stdout.strip()
    return Path(path) if path else None


def _put_in(python: Path, wheel: Path) -> bool:
    """Install and try it; False when the machine lacks the shared libraries that it links to."""
    installing.install(python, ["--force-reinstall", str(wheel)])
    if _imports(python):
        return True
    needed = recipe("--run-time").stdout.split()
    return (
        debian.may_install()
        and debian.install(needed, "the SIP engine links to shared libraries")
        and _imports(python)
    )


def _imports(python: Path) -> bool:
    done = subprocess.run([str(python), "-P", "-c", IMPORTS], capture_output=True, check=False)
    return done.returncode == 0


def _say_stock(*, failed: bool) -> None:
    say("SIP engine: the stock PJSUA2, which carries 4 call legs: one routed call at a time")
    if failed:
        say("  the build of the large one has failed here; `make engine` tries it again")
    elif debian.may_install():
        say("  for 2048 call legs: make engine (it installs a compiler and builds for a minute or two)")
    else:
        say(f"  for 2048 call legs: {debian.command(lacking())}, then make engine")
