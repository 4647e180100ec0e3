"""From pjproject's sources to the two files of the Python module."""

from __future__ import annotations

import os
import sysconfig
from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.pjsua.build.stage import BuildError, Stages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from router.pjsua.build.recipe import Recipe

SWIG_FOLDER = "pjsip-apps/src/swig/python"
INCLUDES = ("pjlib", "pjlib-util", "pjnath", "pjmedia", "pjsip")

CHECK_PACKAGES = (
    "is a -dev package older or newer than Debian 12's? The stock wheel (4 call legs) works meanwhile"
)
CHECK_MEMORY = "the compiler wants about 1.5 GB of memory and 500 MB of disk: see the log's last lines"


@dataclass(frozen=True, slots=True)
class Module:
    """What SWIG and the compiler made."""

    python: Path
    binary: Path


def compile_module(tree: Path, recipe: Recipe, stages: Stages) -> Module:
    """Configure and compile in `tree`: the libraries and the wrapper side by side, then link."""
    _prepare(tree, recipe)
    flags = " ".join((*recipe.library_flags, *recipe.hardening))
    stages.run(
        "configure",
        ["./configure", *recipe.switches],
        cwd=tree,
        env={"CFLAGS": flags, "CXXFLAGS": flags},
        hint=CHECK_PACKAGES,
    )
    swig = tree / SWIG_FOLDER
    includes = [f"-I{tree / name / 'include'}" for name in INCLUDES]
    stages.run(
        "swig",
        ["swig", *recipe.swig_flags, *includes, "-o", "pjsua2_wrap.cpp", "../pjsua2.i"],
        cwd=swig,
        hint="swig 4.1 (Debian 12) is known to work",
    )
    wrapper = stages.start(
        "compile the wrapper",
        [
            "g++",
            *_configured(swig, stages, "cflags"),
            *recipe.wrapper_flags,
            *recipe.hardening,
            *_python_includes(),
            "-c",
            "pjsua2_wrap.cpp",
        ],
        cwd=swig,
        hint=CHECK_MEMORY,
    )
    try:
        stages.run("compile the libraries", ["make", f"-j{_jobs()}", "lib"], cwd=tree, hint=CHECK_MEMORY)
    except BaseException:
        wrapper.stop()
        raise
    stages.wait(wrapper)
    binary = swig / f"_pjsua2{sysconfig.get_config_var('EXT_SUFFIX')}"
    stages.run("link", _link(swig, binary, recipe, stages), cwd=swig, hint=CHECK_PACKAGES)
    return Module(swig / "pjsua2.py", binary)


def _prepare(tree: Path, recipe: Recipe) -> None:
    (tree / "pjlib/include/pj/config_site.h").write_text(recipe.config_site(), encoding="utf-8")
    # Debian strips this file, the Makefile still names it.
    (tree / "pjmedia/src/pjmedia-audiodev/bdimad_dev.c").touch()
    for name in (*INCLUDES, "third_party"):
        (tree / name / "lib").mkdir(exist_ok=True)


def _configured(swig: Path, stages: Stages, target: str) -> list[str]:
    """One of the lists that ./configure decided (cflags, ldflags, libs), through pjproject's own helper."""
    printed = stages.run(
        f"ask for {target}",
        ["make", "--no-print-directory", "-s", "-f", "helper.mak", target],
        cwd=swig,
        hint="the layout of pjproject has changed: see the recipe",
    )
    return printed.split()


def _link(swig: Path, binary: Path, recipe: Recipe, stages: Stages) -> Sequence[str]:
    libraries = [f"-l{name}" for name in _configured(swig, stages, "libs")]
    kept = [f"-Wl,-u,{symbol}" for symbol in recipe.kept_symbols]
    paths = _configured(swig, stages, "ldflags")
    how = ("-shared", "-s", *recipe.linker_flags, *kept)
    return ["g++", *how, "pjsua2_wrap.o", *paths, *libraries, "-o", binary.name]


def _python_includes() -> list[str]:
    return [
        f"-I{path}" for path in dict.fromkeys(sysconfig.get_path(name) for name in ("include", "platinclude"))
    ]


def _jobs() -> int:
    """One core is for the wrapper, which takes as long as the libraries do."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


def checked(python: str, folder: Path, recipe: Recipe, stages: Stages) -> None:
    """Import the packed module with `python`; BuildError unless it carries the recipe's legs."""
    program = (
        "import ctypes, pjsua2\n"
        "endpoint = pjsua2.Endpoint(); endpoint.libCreate()\n"
        "library = ctypes.CDLL(pjsua2.pjsua2._pjsua2.__file__)\n"
        "print('legs', library.pjsua_call_get_max_count(), 'of', endpoint.libVersion().full)\n"
        "endpoint.libDestroy()\n"
    )
    printed = stages.run(
        "try it",
        [python, "-P", "-c", program],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        hint=CHECK_PACKAGES,
    )
    if f"legs {recipe.legs} of" not in printed:
        raise BuildError(
            f"the module does not carry {recipe.legs} call legs: {printed.strip()[-200:]}", CHECK_PACKAGES
        )
