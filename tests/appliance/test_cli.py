"""`callisto` as people type it: what it says, and its exit codes."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance import cli
from db.store import Store
from db.transfer import load_file
from router.model import RoutingTable
from router.table import encode

Callisto = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def callisto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callisto:
    """Runs a command in an empty folder; exit code, what it said, what it complained of."""
    for name in list(os.environ):
        if name.startswith("CALLISTO_") and name != "CALLISTO_TEST_RUN":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = cli.main(arguments)
        except SystemExit as exc:
            code = int(exc.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def office(callisto: Callisto, monkeypatch: pytest.MonkeyPatch) -> Callisto:
    """As `callisto`, with the sample office in the store."""
    monkeypatch.setenv("CALLISTO_ADMIN_PASSWORD", "for-the-tests")
    assert callisto("init")[0] == 0
    return callisto


def test_the_help_offers_what_works_and_nothing_else(callisto: Callisto) -> None:
    code, said, _ = callisto("--help")
    assert code == 0
    for command in (
        "run",
        "init",
        "status",
        "backup",
        "import",
        "export",
        "explain",
        "repair",
        "trace",
        "traces",
        "update",
        "user",
        "version",
    ):
        assert f"\n    {command} " in said
    assert "\n    router " not in said


@pytest.mark.parametrize("arguments", [("--version",), ("version",)])
def test_the_version_is_told(callisto: Callisto, arguments: tuple[str, ...]) -> None:
    code, said, _ = callisto(*arguments)
    assert code == 0
    assert said.startswith("callisto ")
    assert said.split()[1][0].isdigit()


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("explain",), ("import",), ("user",)])
def test_wrong_usage_is_exit_code_two(callisto: Callisto, arguments: tuple[str, ...]) -> None:
    assert callisto(*arguments)[0] == 2


def test_a_wrong_setting_is_one_line_and_exit_code_two(callisto: Callisto, tmp_path: Path) -> None:
    (tmp_path / "callisto.toml").write_text("telnet_prot = 23\n")
    code, _, complaint = callisto("status")
    assert code == 2
    assert complaint.count("\n") == 1
    assert "did you mean telnet_port?" in complaint


def test_status_where_nothing_runs_is_exit_code_three_and_a_sentence(callisto: Callisto) -> None:
    code, said, complaint = callisto("status")
    assert (code, said) == (3, "")
    assert "nothing runs on" in complaint
    assert "callisto run" in complaint


def test_the_first_password_is_told_once(callisto: Callisto) -> None:
    code, said, _ = callisto("init")
    assert code == 0
    password = said.split("admin has the password ")[1].split()[0]
    assert len(password) == 14
    assert "has the password" not in callisto("init")[1]
    with Store.open(f"sqlite:///{Path.cwd()}/var/callisto.db") as store:
        assert store.accounts.verify("admin", password)


def test_a_given_first_password_is_used_and_not_told(office: Callisto) -> None:
    with Store.open(f"sqlite:///{Path.cwd()}/var/callisto.db") as store:
        assert store.accounts.verify("admin", "for-the-tests")
        assert len(store.office.read().groups) > 0
    assert "for-the-tests" not in office("init")[1]


def test_an_office_goes_out_and_in_again(office: Callisto, tmp_path: Path) -> None:
    code, said, _ = office("export", "office.yaml")
    assert code == 0
    assert "users and 2 groups" in said
    assert (tmp_path / "office.yaml").stat().st_mode & 0o777 == 0o600
    code, said, _ = office("import", "office.yaml")
    assert code == 0
    before = load_file(tmp_path / "office.yaml")
    assert office("export", "again.yaml")[0] == 0
    assert load_file(tmp_path / "again.yaml") == before


def test_standard_output_gets_no_password_hashes(office: Callisto) -> None:
    code, said, _ = office("export", "-")
    assert code == 0
    assert "groups:" in said
    assert "argon2" not in said


def test_an_office_can_be_imported_before_the_first_start_and_is_then_kept(
    office: Callisto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office("export", "office.yaml")
    text = (tmp_path / "office.yaml").read_text().replace("Management", "Board")
    (tmp_path / "office.yaml").write_text(text)
    monkeypatch.setenv("CALLISTO_STATE", "other")
    assert office("import", "office.yaml")[0] == 0
    assert office("init")[0] == 0
    assert "Board" in office("export", "-")[1]


def test_every_problem_of_a_file_is_named_by_line_and_nothing_changes(
    office: Callisto, tmp_path: Path
) -> None:
    office("export", "office.yaml")
    before = office("export", "-")[1]
    text = (tmp_path / "office.yaml").read_text().replace("manager_timeout: 15", "manager_timeout: soon")
    (tmp_path / "office.yaml").write_text(text + "colour: blue\n")
    code, _, complaint = office("import", "office.yaml")
    assert code == 1
    line = text[: text.index("manager_timeout: soon")].count("\n") + 1
    assert any(
        row.startswith(f"office.yaml:{line}: ") and "manager_timeout" in row for row in complaint.split("\n")
    )
    assert "colour" in complaint
    assert "nothing has been changed" in complaint
    assert office("export", "-")[1] == before


def test_a_file_that_is_not_there_is_named(office: Callisto) -> None:
    code, _, complaint = office("import", "nowhere.yaml")
    assert code == 1
    assert "nowhere.yaml" in complaint


def test_commands_on_a_missing_store_say_what_to_do(callisto: Callisto) -> None:
    for command in (("export", "-"), ("user", "list"), ("explain", "--group", "G", "--from", "1")):
        code, _, complaint = callisto(*command)
        assert code == 1
        assert "there is no store" in complaint
        assert "start the appliance once" in complaint


def test_explain_needs_no_running_appliance(office: Callisto) -> None:
    code, said, _ = office("explain", "--group", "management", "--from", "0441234567", "--at", "sunday 03:00")
    assert code == 0
    assert "on Sunday" in said
    assert "Anna Keller rings" in said
    code, said, _ = office("explain", "--group", "Management", "--from", "0441234567", "--json")
    found = json.loads(said)
    assert found["phones"][0] == "Anna Keller"


def test_explain_names_what_it_does_not_know(office: Callisto) -> None:
    code, _, complaint = office("explain", "--group", "Managment", "--from", "1")
    assert code == 1
    assert "Management" in complaint
    code, _, complaint = office("explain", "--group", "Management", "--from", "1", "--at", "someday")
    assert code == 1
    assert "--at" in complaint
    assert "sunday 03:00" in complaint


def test_explain_reaches_numbers_through_the_trunk_and_names_as_resolved_last(
    office: Callisto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office("export", "office.yaml")
    text = (
        (tmp_path / "office.yaml")
        .read_text()
        .replace("sip:anna@127.0.0.1:5071", "sip:anna@anna.invalid:5071")
    )
    (tmp_path / "office.yaml").write_text(text)
    office("import", "office.yaml")
    said = office("explain", "--group", "Management", "--from", "1")[1]
    assert "anna.invalid has no known address" in said
    table = RoutingTable(hosts={"anna.invalid": "127.0.0.1"})
    (tmp_path / "var" / "routing.json").write_bytes(encode(table))
    assert "no known address" not in office("explain", "--group", "Management", "--from", "1")[1]
    (tmp_path / "office.yaml").write_text(text.replace("sip:anna@anna.invalid:5071", "'0441234567'"))
    office("import", "office.yaml")
    assert "no way out" in office("explain", "--group", "Management", "--from", "1")[1]
    monkeypatch.setenv("CALLISTO_PEERS", "pbx1=127.0.0.1:5099")
    assert "no way out" not in office("explain", "--group", "Management", "--from", "1")[1]


def test_explain_goes_by_the_last_table_while_the_store_cannot_be_read(
    office: Callisto, tmp_path: Path
) -> None:
    question = ("explain", "--group", "Management", "--from", "1", "--json", "--at", "2026-12-24 14:30")
    before = json.loads(office(*question)[1])
    with Store.open(f"sqlite:///{tmp_path}/var/callisto.db") as store:
        (tmp_path / "var" / "routing.json").write_bytes(encode(store.routing_table()))
    for path in (tmp_path / "var").glob("callisto.db*"):
        path.unlink()
    code, said, complaint = office(*question)
    assert (code, json.loads(said)) == (0, before)
    assert "there is no store" in complaint
    assert "this is by the table of 20" in complaint
    (tmp_path / "var" / "routing.json").write_text("damaged")
    code, said, complaint = office(*question)
    assert (code, said) == (1, "")
    assert "there is no store" in complaint


def test_users_are_listed_and_a_lost_password_is_replaced(
    office: Callisto, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said, _ = office("user", "list")
    assert code == 0
    assert "administrator" in next(line for line in said.splitlines() if line.startswith("admin "))
    monkeypatch.setattr(sys, "stdin", io.StringIO("a-new-one\n"))
    assert office("user", "passwd", "admin")[0] == 0
    with Store.open(f"sqlite:///{Path.cwd()}/var/callisto.db") as store:
        assert store.accounts.verify("admin", "a-new-one")
    monkeypatch.setattr(sys, "stdin", io.StringIO("a-new-one\n"))
    code, _, complaint = office("user", "passwd", "nobody")
    assert code == 1
    assert "nobody" in complaint


def test_somebody_of_support_is_added_made_administrator_and_put_out(
    office: Callisto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed() -> str:
        return next((line for line in office("user", "list")[1].splitlines() if line.startswith("mia")), "")

    monkeypatch.setattr(sys, "stdin", io.StringIO("mias-password\n"))
    assert office("user", "add", "mia", "--name", "Mia Meier")[:2] == (0, "mia may log in: support\n")
    assert listed().split() == ["mia", "support", "Mia", "Meier"]
    assert office("user", "role", "mia", "administrator")[0] == 0
    assert "administrator" in listed()
    assert office("user", "role", "mia", "none")[:2] == (0, "mia may not log in any more\n")
    assert listed().split() == ["mia", "-", "Mia", "Meier"]
    code, _, complaint = office("user", "role", "admin", "support")
    assert code == 1
    assert "only administrator" in complaint


def test_a_state_directory_that_cannot_be_made_is_refused_by_name(
    callisto: Callisto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLISTO_STATE", "not/there")
    code, _, complaint = callisto("init")
    assert code == 2
    assert complaint.startswith("callisto: state: ")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)


def test_the_module_runs_and_the_version_is_quick() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert python("-m", "appliance", "--version").stdout.startswith("callisto ")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The processor's time, since other tests run beside this one.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


def test_a_cut_pipe_is_no_traceback(office: Callisto) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -P -m appliance export - | head -c 1"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("module", "banned"),
    [
        ("appliance.cli", {"sqlalchemy", "asyncio", "db", "uvicorn", "telnetlib3"}),
        ("appliance.commands.status", {"sqlalchemy", "uvicorn", "telnetlib3"}),
        (
            "appliance.roles.supervisor",
            {
                "pjsua2",
                "telnetlib3",
                "prompt_toolkit",
                "uvicorn",
                "starlette",
                "asyncssh",
                "stream_zip",
                "alembic",
            },
        ),
        (
            "appliance.roles.shell",
            {"pjsua2", "uvicorn", "starlette", "apscheduler", "stream_zip", "alembic", "asyncssh"},
        ),
        (
            "appliance.roles.web",
            {"pjsua2", "telnetlib3", "prompt_toolkit", "apscheduler", "stream_zip", "alembic", "asyncssh"},
        ),
    ],
)
def test_each_process_loads_what_it_needs_alone(module: str, banned: set[str]) -> None:
    done = python("-c", f"import sys, {module}; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert not banned & set(done.stdout.split())


def test_the_routers_interpreter_holds_calls_and_nothing_else() -> None:
    """No database, no asyncio: one busy thread beside PJSUA2 costs every call."""
    from tests import needs

    needs.pjsua2()
    done = python("-c", "import sys, appliance.roles.router; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    banned = {
        "sqlalchemy",
        "asyncio",
        "alembic",
        "db",
        "scheduler",
        "uvicorn",
        "telnetlib3",
        "http.client",
    }
    loaded = set(done.stdout.split())
    assert not banned & loaded
    # What a trace is made of is shared: plain data, on the standard library alone.
    assert {one for one in loaded if one.startswith("shell.") and not one.startswith("shell.trace")} == set()
