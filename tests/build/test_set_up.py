"""The set-up behind the Makefile, with the machine played by values."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import checkout
import debian
import engine
import environment
import gate
import goals
import installing
import interpreters
import stamp

MADE = stamp.Stamp(python="3.11.2 /usr/bin/python3.11", checkout="/home/a/callisto", locks={"runtime": "r1"})
KEY = "0123456789ab-cp311-linux_x86_64"


# What is out of date


def test_an_environment_with_the_locks_wanted_serves() -> None:
    assert replace(MADE, locks={"runtime": "r1", "development": "d1"}).serves(MADE)


@pytest.mark.parametrize(
    "wanted",
    [
        replace(MADE, locks={"runtime": "r2"}),
        replace(MADE, python="3.12.1 /usr/bin/python3.12"),
        replace(MADE, checkout="/home/b/callisto"),
    ],
)
def test_another_lock_python_or_place_makes_it_anew(wanted: stamp.Stamp) -> None:
    assert not MADE.serves(wanted)
    assert not MADE.extends(wanted)


def test_a_further_lock_is_added_to_what_is_there() -> None:
    wanted = replace(MADE, locks={"runtime": "r1", "development": "d1"})
    assert MADE.extends(wanted)
    assert not MADE.serves(wanted)
    assert MADE.with_locks_of(wanted).serves(wanted)


def test_a_stamp_survives_its_file_and_half_a_file_is_no_stamp(tmp_path: Path) -> None:
    assert stamp.read(tmp_path) is None
    stamp.write(tmp_path, MADE)
    assert stamp.read(tmp_path) == MADE
    (tmp_path / stamp.NAME).write_text('{"python": "3.11"')
    assert stamp.read(tmp_path) is None
    (tmp_path / stamp.NAME).write_text('{"from": "another version"}')
    assert stamp.read(tmp_path) is None


# Which engine


@dataclass
class Machine:
    """Answers of the recipe, and what the set-up did."""

    cached: Path | None = None
    lacking: tuple[str, ...] = ()
    builds: bool = True
    imports: bool = True
    root: bool = False
    done: list[str] = field(default_factory=list)

    def recipe(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        answers: dict[tuple[str, ...], str] = {
            ("--key",): KEY,
            ("--cached",): str(self.cached or ""),
            ("--missing",): " ".join(self.lacking),
            ("--run-time",): "libsrtp2-1",
        }
        if arguments:
            return subprocess.CompletedProcess([], 0, answers[arguments] + "\n")
        self.done.append("build")
        return subprocess.CompletedProcess(
            [], 0 if self.builds else 1, "/cache/built.whl\n" if self.builds else ""
        )

    def install(self, python: Path, arguments: list[str]) -> None:
        self.done.append(Path(arguments[-1]).name)

    def packages(self, names: list[str], why: str) -> bool:
        self.done.append(" ".join(names))
        self.imports = True
        return True


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    it = Machine()
    monkeypatch.setattr(engine, "recipe", it.recipe)
    monkeypatch.setattr(installing, "install", it.install)
    monkeypatch.setattr(engine, "_imports", lambda _python: it.imports)
    monkeypatch.setattr(debian, "may_install", lambda: it.root)
    monkeypatch.setattr(debian, "install", it.packages)
    return it


def ensured(made: stamp.Stamp = MADE, *, stock: bool = False) -> stamp.Stamp:
    return engine.ensure(Path("/e/bin/python"), made, stock=stock)


def test_the_large_engine_is_taken_from_the_cache(machine: Machine) -> None:
    machine.cached = Path("/cache/kept.whl")
    assert ensured().engine == KEY
    assert machine.done == ["kept.whl"]


def test_it_is_built_where_a_compiler_is(machine: Machine) -> None:
    assert ensured().engine == KEY
    assert machine.done == ["build", "built.whl"]


def test_without_a_compiler_the_stock_wheel_serves_and_says_what_it_carries(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.lacking = ("g++", "swig")
    assert ensured().engine == stamp.STOCK
    assert machine.done == ["engine.txt"]
    told = capsys.readouterr().out
    assert "4 call legs" in told
    assert "apt-get install g++ swig, then make engine" in told


def test_the_large_one_takes_its_place_as_soon_as_it_is_there(machine: Machine) -> None:
    stock = replace(MADE, engine=stamp.STOCK)
    machine.lacking = ("g++",)
    assert ensured(stock) == stock
    machine.cached = Path("/cache/kept.whl")
    assert ensured(stock).engine == KEY
    assert machine.done == ["kept.whl"]


def test_a_build_that_failed_is_not_tried_at_every_start(machine: Machine) -> None:
    machine.builds = False
    failed = ensured()
    assert (failed.engine, failed.failed) == (stamp.STOCK, KEY)
    assert ensured(failed) == failed
    assert machine.done == ["build", "engine.txt"]
    machine.cached = Path("/cache/kept.whl")  # make engine has worked in the meantime
    assert ensured(failed) == replace(failed, engine=KEY, failed="")


def test_nothing_is_done_when_the_engine_is_in(machine: Machine) -> None:
    made = replace(MADE, engine=KEY)
    assert ensured(made) == made
    assert machine.done == []


def test_missing_shared_libraries_come_from_packages_as_root_only(machine: Machine) -> None:
    machine.cached, machine.imports = Path("/cache/kept.whl"), False
    assert ensured().engine == stamp.STOCK
    machine.root, machine.done = True, []
    assert ensured().engine == KEY
    assert machine.done == ["kept.whl", "libsrtp2-1"]


def test_the_other_python_keeps_the_stock_engine(machine: Machine) -> None:
    machine.cached = Path("/cache/kept.whl")
    made = ensured(stock=True)
    assert made.engine == stamp.STOCK
    assert ensured(made, stock=True) == made


# Packages


def test_what_is_missing_is_named_with_its_loss_and_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = debian.Need("sip-tester", "the tests that place calls", program="no-such-program-here")
    monkeypatch.setattr(debian, "may_install", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(environment.Environment, "ensure", lambda *_arguments, **_options: None)
    goals.prepare(goals.Goal(("runtime",), (absent,)))
    told = capsys.readouterr().out
    assert "without sip-tester there are none of the tests that place calls" in told
    assert "sudo apt-get install sip-tester" in told


def test_a_python_without_venv_stops_with_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = debian.Need("sip-tester", "the tests that place calls", program="no-such-program-here")
    monkeypatch.setattr(debian, "venv_package", lambda: "python3-venv")
    monkeypatch.setattr(debian, "may_install", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as caught:
        goals.prepare(goals.Goal(("runtime",), (absent,)))
    assert caught.value.code == 2
    assert "sudo apt-get install python3-venv sip-tester" in capsys.readouterr().err


def test_packages_are_fetched_again_after_new_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def apt(argv: list[str]) -> subprocess.CompletedProcess[str]:
        asked.append(argv[1])
        return subprocess.CompletedProcess(argv, 0 if "update" in asked else 100, "")

    monkeypatch.setattr(debian, "_apt", apt)
    assert debian.install(["sip-tester"], "some are missing")
    assert asked == ["install", "update", "install"]


# Interpreters and goals


def test_an_old_interpreter_gets_one_clear_line(tmp_path: Path) -> None:
    """The file's own check, run as Python 3.9 would, whose syntax it keeps to."""
    source = (checkout.CHECKOUT / ".make" / "__main__.py").read_text()
    compile(source, "__main__.py", "exec", dont_inherit=True)
    program = f"import sys; sys.version_info = (3, 9, 18, 'final', 0)\nexec({source!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Python 3.11 or 3.12 is needed" in done.stderr


def test_the_other_python_is_one_that_really_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\necho 'python3.12: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PYTHON312", raising=False)
    monkeypatch.setattr(sys, "version_info", (3, 11, 2))
    assert interpreters.other() is None
    shim.write_text("#!/bin/sh\necho 3 12\n")
    assert interpreters.other() == str(shim)
    monkeypatch.setenv("PYTHON312", str(tmp_path / "absent"))
    assert interpreters.other() is None


def test_an_unknown_goal_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        goals.main(["fly"])
    assert "bench, check, demo, engine, image, lock, run, soak, test, test-image" in capsys.readouterr().err


def test_every_goal_of_the_makefile_is_known_to_the_set_up() -> None:
    makefile = (checkout.CHECKOUT / "Makefile").read_text()
    asked = {line.split()[1] for line in makefile.splitlines() if line.startswith("\t$(SETUP) ")}
    assert asked == {*goals.GOALS, "check", "engine", "lock"}


def test_the_gate_shows_every_broken_rule_and_then_runs_no_test(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails, holds = (sys.executable, "-c", "raise SystemExit(3)"), (sys.executable, "-c", "")
    monkeypatch.setattr(gate, "RULES", (gate.Step("a", fails), gate.Step("b", holds), gate.Step("c", fails)))
    monkeypatch.setattr(gate, "TESTS", gate.Tests("tests", (sys.executable, "-c", "print('ran')")))
    assert gate.run() == 1
    told = capsys.readouterr().out
    assert "broken: a, c" in told
    assert "check: tests" not in told


UNSTEADY = """\
import pathlib
def test_fine(): pass
def test_unsteady():
    seen = pathlib.Path(__file__).with_name("seen")
    if not seen.exists():
        seen.touch()
        raise AssertionError("the first time")
"""
BROKEN = "def test_broken(): raise AssertionError"
TOO_MANY = """\
import pathlib, pytest
@pytest.mark.parametrize("n", range(6))
def test_unsteady(n):
    seen = pathlib.Path(__file__).with_name(f"seen{n}")
    if not seen.exists():
        seen.touch()
        raise AssertionError("the first time")
"""


@pytest.mark.parametrize(("tests", "good"), [(UNSTEADY, True), (BROKEN, False), (TOO_MANY, False)])
def test_a_few_tests_that_fail_are_run_once_more_alone_and_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], tests: str, good: bool
) -> None:
    file = tmp_path / "test_some.py"
    file.write_text(tests)
    argv = (sys.executable, *gate.PYTEST, "-q", "--rootdir", str(tmp_path), "-c", os.devnull, str(file))
    assert gate.holds(gate.Tests("some", argv, folder=tmp_path, remembers=tmp_path / "cache")) is good
    told = capfd.readouterr().out
    assert ("UNSTEADY, they passed alone" in told) is good
    if good:
        assert "test_some.py::test_unsteady" in told
        assert "some holds" in told
    else:
        assert "some BROKEN (exit status 1)" in told
