"""The recipe's values, its stages and its wheel."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from typing import TYPE_CHECKING

import pytest

from router.pjsua.build import __main__ as program
from router.pjsua.build import cache, requirements, sources, wheel
from router.pjsua.build.recipe import Recipe
from router.pjsua.build.stage import BuildError, Stages

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY = wheel.Identity("2.17+legs2048", wheel.python_tag(), wheel.platform_tag())


def test_the_large_build_carries_2048_legs_and_no_asserts() -> None:
    recipe = Recipe()
    assert "#define PJSUA_MAX_CALLS 2048\n" in recipe.config_site()
    assert "-DNDEBUG" in recipe.library_flags
    assert recipe.version("2.17") == "2.17+legs2048"


@pytest.mark.parametrize(
    "other",
    [
        Recipe(limits={**Recipe().limits, "PJSUA_MAX_CALLS": 4096}),
        Recipe(switches=Recipe().switches[1:]),
        Recipe(library_flags=("-fPIC", "-O2")),
        Recipe(hardening=()),
        Recipe(linker_flags=()),
        dataclasses.replace(Recipe(), packing=99),
    ],
)
def test_another_recipe_has_another_place_in_the_cache(other: Recipe) -> None:
    assert other.digest() != Recipe().digest()


def test_the_same_recipe_has_the_same_place_in_every_process() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "router.pjsua.build", "--key"], capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith(f"{Recipe().digest()}-{wheel.python_tag()}-")


def test_the_cache_is_where_the_environment_says(tmp_path: Path) -> None:
    assert cache.root({"CALLISTO_CACHE": "/a/b"}) == cache.root(
        {"CALLISTO_CACHE": "/a/b", "XDG_CACHE_HOME": "/c"}
    )
    assert str(cache.root({"CALLISTO_CACHE": "/a/b"})) == "/a/b/engine"
    assert str(cache.root({"XDG_CACHE_HOME": "/c"})) == "/c/callisto/engine"
    assert cache.root({"XDG_CACHE_HOME": "relative"}, tmp_path) == tmp_path / ".cache" / "callisto" / "engine"


def test_a_wheel_in_the_cache_is_given_without_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CALLISTO_CACHE", str(tmp_path))
    monkeypatch.setattr(program, "build", lambda *_arguments: pytest.fail("built again"))
    assert program.main(["--cached"]) == program.UNAVAILABLE
    program.main(["--key"])
    folder = tmp_path / "engine" / capsys.readouterr().out.strip()
    folder.mkdir(parents=True)
    (folder / IDENTITY.file_name).touch()
    assert program.main([]) == 0
    assert capsys.readouterr().out.strip() == str(folder / IDENTITY.file_name)


def test_a_machine_without_compiler_or_headers_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CALLISTO_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    real = requirements.missing
    monkeypatch.setattr(requirements, "missing", lambda: real(include=tmp_path, python_headers=tmp_path))
    assert program.main([]) == program.UNAVAILABLE
    told = capsys.readouterr().err
    assert "apt-get install g++ libopus-dev libsrtp2-dev libssl-dev make swig uuid-dev" in told


def test_an_interpreter_of_debian_gets_its_headers_from_a_package(tmp_path: Path) -> None:
    from pathlib import Path as Real

    own = requirements.missing(python_headers=tmp_path / "include" / "python3.11")
    debian = requirements.missing(python_headers=Real("/usr/include/python3.99"))
    assert "python3-dev" not in requirements.packages(own)
    assert "python3-dev" in requirements.packages(debian)
    assert any("Python.h" in item.what for item in own)


def test_a_failed_stage_shows_its_last_lines_and_what_to_do(tmp_path: Path) -> None:
    out = io.StringIO()
    stages = Stages(tmp_path / "logs", out)
    noisy = "import sys; print(*range(1000), sep=chr(10), flush=True); sys.exit('no such header: srtp.h')"
    with pytest.raises(BuildError) as caught:
        stages.run("configure", [sys.executable, "-c", noisy], cwd=tmp_path, hint="install libsrtp2-dev")
    assert "no such header: srtp.h" in str(caught.value)
    assert "\n    5\n" not in str(caught.value)
    assert caught.value.hint == "install libsrtp2-dev"
    assert "no such header" in (tmp_path / "logs" / "configure.log").read_text()
    assert " s  configure" in out.getvalue()


def test_sources_are_unpacked_without_their_leading_folder(tmp_path: Path) -> None:
    archive = tmp_path / "pjproject-x.tar.xz"
    text = b"export PJ_VERSION_MAJOR  := 2\nexport PJ_VERSION_MINOR  := 15\nexport PJ_VERSION_REV    := 1\n"
    with tarfile.open(archive, "w:xz") as tar:
        member = tarfile.TarInfo("Xpjproject/version.mak")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    assert sources.unpack(archive, tmp_path / "tree") == "2.15.1"


def test_sources_fetched_before_are_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "pjproject-6860c2f7604b.tar.xz.partial").touch()
    kept = tmp_path / "pjproject-6860c2f7604b.tar.xz"
    kept.touch()
    assert sources.fetch(tmp_path, tmp_path / "work", Stages(tmp_path, io.StringIO())) == kept


def test_a_machine_that_names_no_debian_mirror_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb https://other.example/x y z\n")
    with pytest.raises(BuildError, match="no Debian archive"):
        sources.machine_mirror(tmp_path)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    python, binary = tmp_path / "pjsua2.py", tmp_path / "_pjsua2.so"
    python.write_text("class Endpoint:\n    pass\n")
    binary.write_bytes(b"\x7fELF")
    wheel.lay_out(tmp_path / "laid", IDENTITY, python, binary, {"legs": 2048})
    (tmp_path / "laid/pjsua2/__pycache__").mkdir()
    (tmp_path / "laid/pjsua2/__pycache__/x.pyc").touch()
    return wheel.pack(tmp_path / "laid", IDENTITY, tmp_path / "dist")


def test_a_packed_wheel_names_every_file_in_its_record(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
        record = archive.read(f"{IDENTITY.dist_info}/RECORD").decode()
        assert json.loads(archive.read("pjsua2/_build.json")) == {"legs": 2048}
    assert {line.split(",")[0] for line in record.splitlines()} == names
    assert not any("__pycache__" in name for name in names)


def test_pip_installs_the_wheel_under_the_stock_wheels_name(packed: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv/bin/python"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--quiet",
            "--no-index",
            str(packed),
        ],
        check=True,
    )
    asked = "import importlib.metadata as m, pjsua2; print(m.version('pjsua2-python'), pjsua2.Endpoint)"
    told = subprocess.run(
        [str(python), "-P", "-c", asked], capture_output=True, text=True, check=True, env={"PATH": os.defpath}
    )
    assert told.stdout == "2.17+legs2048 <class 'pjsua2.pjsua2.Endpoint'>\n"
