"""Logs, errands, the state directory, ports, facts of the host, the zone: the small adapters."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance import logs, sysinfo
from appliance.clock import local_zone
from appliance.config import Config
from appliance.config_settings import ConfigError
from appliance.errands import Errands
from appliance.logs import Outlet, Trouble, child_line
from appliance.preflight import check_ports
from appliance.state import claimed
from tests.appliance.waiting import until


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """Given back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = handlers, level


# Logs


def test_every_process_logs_in_one_format(root_logger: logging.Logger) -> None:
    stream = io.StringIO()
    logs.set_up("router", stream)
    logging.getLogger("router.engine").info("call %s", 7)
    stamp, _, rest = stream.getvalue().partition(" INFO ")
    assert datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f")  # noqa: DTZ007 - a log's local time
    assert rest == "router: call 7\n"


def test_a_line_of_a_child_is_dressed_unless_it_has_our_format() -> None:
    ours = "2026-11-22 10:00:00.123 INFO router: ready"
    assert child_line("router", ours) == ours
    assert child_line("router", "Traceback", at=0.25).endswith(".250 INFO router: Traceback")


class Stuck(io.StringIO):
    """A terminal that is held with Ctrl-S until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.held = threading.Event()
        self.let_go = threading.Event()

    def write(self, text: str) -> int:
        self.held.set()
        assert self.let_go.wait(10)
        return super().write(text)


def test_a_held_terminal_holds_up_nobody_and_is_told_what_it_missed() -> None:
    terminal = Stuck()
    outlet = Outlet(terminal, terminal)
    outlet.say("first")
    assert terminal.held.wait(10)
    for n in range(logs.MAX_WAITING + 50):
        outlet.say(f"line {n}")
    terminal.let_go.set()
    until(lambda: f"line {logs.MAX_WAITING - 1}" in terminal.getvalue())
    outlet.say("last")
    until(lambda: "last" in terminal.getvalue())
    outlet.close()
    assert "(50 log lines were dropped)" in terminal.getvalue()


def test_closing_does_not_wait_for_a_held_terminal_and_writes_what_it_can() -> None:
    terminal = Stuck()
    outlet = Outlet(terminal, terminal)
    outlet.say("first")
    outlet.close(within=0.05)
    terminal.let_go.set()
    until(lambda: terminal.getvalue() == "first\n")


def test_a_trouble_that_comes_back_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trouble = Trouble(logging.getLogger("x"), "store")
    for text in ("locked", "locked", "gone", "gone"):
        trouble.is_(text)
    trouble.over()
    trouble.over()
    assert caplog.messages == ["store: locked", "store: gone", "store: works again"]


def test_a_full_pipe_loses_lines_and_blocks_nothing(tmp_path: Path) -> None:
    """The router's side of a supervisor that does not read."""
    code = (
        "import logging\n"
        "from appliance import logs\n"
        "logs.set_up('router'); logs.never_wait()\n"
        "for n in range(20000): logging.info('a line that nobody reads %d', n)\n"
    )
    reading, writing = os.pipe()
    try:
        import subprocess
        import sys

        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run([sys.executable, "-c", code], stderr=writing, env=env, timeout=30, check=False)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 0


# Errands


async def test_work_that_blocks_is_done_beside_the_loop() -> None:
    errands = Errands("test")
    go = threading.Event()
    waiting = asyncio.ensure_future(errands.do(go.wait, 10))
    await asyncio.sleep(0)
    go.set()
    assert await waiting is True


async def test_an_error_of_the_work_is_the_callers() -> None:
    errands = Errands("test")
    with pytest.raises(ZeroDivisionError):
        await errands.do(lambda: 1 / 0)
    assert await errands.do(str, 5) == "5"


async def test_giving_up_on_work_that_hangs_costs_nothing() -> None:
    errands, go = Errands("test"), threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await errands.do(go.wait, 10)
    go.set()
    assert await errands.do(str, 5) == "5"
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("test "))


# The state directory


def config(folder: Path, **env: str) -> Config:
    return Config.load({f"CALLISTO_{key}": value for key, value in env.items()}, folder)


def test_a_state_directory_is_made_and_has_one_owner(tmp_path: Path) -> None:
    here = config(tmp_path)
    with claimed(here) as unclean:
        assert not unclean
        assert here.spool.is_dir()
        assert here.state.stat().st_mode & 0o777 == 0o700
        with (
            pytest.raises(ConfigError, match=rf"state: .* in use by another appliance \(pid {os.getpid()}\)"),
            claimed(here),
        ):
            raise AssertionError
    with claimed(here):
        pass


def test_a_socket_left_behind_shows_an_unclean_end(tmp_path: Path) -> None:
    here = config(tmp_path)
    with claimed(here):
        here.control_socket.touch()
    with claimed(here) as unclean:
        assert unclean


@pytest.mark.parametrize(
    ("state", "told"), [("a/b", "does not exist"), ("file", "cannot be used"), ("/proc/x", "cannot")]
)
def test_a_state_directory_that_cannot_be_is_refused_by_name(tmp_path: Path, state: str, told: str) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match=f"state: .*{told}") as caught,
        claimed(config(tmp_path, STATE=state)),
    ):
        raise AssertionError
    assert "CALLISTO_STATE" in str(caught.value)


# Ports


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def on_free_ports(folder: Path, **env: str) -> Config:
    names = ("TELNET_PORT", "TELNETS_PORT", "SIP_PORT", "MEDIA_PORT", "WEB_PORT", "WEB_TLS_PORT")
    return config(folder, **dict(zip(names, map(str, free_ports(len(names))), strict=True)), **env)


def test_free_ports_are_fine_and_left_free(tmp_path: Path) -> None:
    here = on_free_ports(tmp_path)
    check_ports(here)
    check_ports(here)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("telnet_port", socket.SOCK_STREAM),
        ("sip_port", socket.SOCK_STREAM),
        ("sip_port", socket.SOCK_DGRAM),
        ("media_port", socket.SOCK_DGRAM),
        ("web_port", socket.SOCK_STREAM),
        ("web_tls_port", socket.SOCK_STREAM),
    ],
)
def test_a_port_in_use_is_named_by_its_setting(tmp_path: Path, key: str, kind: socket.SocketKind) -> None:
    here = on_free_ports(tmp_path)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", getattr(here, key)))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        with pytest.raises(
            ConfigError, match=f"^{key}: {getattr(here, key)} is in use on 127.0.0.1"
        ) as caught:
            check_ports(here)
    assert f"CALLISTO_{key.upper()}" in str(caught.value)


def test_a_port_that_becomes_free_in_time_is_waited_for(tmp_path: Path) -> None:
    here = on_free_ports(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", here.web_port))
        taken.listen()
        with pytest.raises(ConfigError):
            check_ports(here, patience=0.2)
        threading.Timer(0.2, taken.close).start()
        check_ports(here, patience=10)


def test_an_address_of_another_machine_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"listen: 192\.0\.2\.1 is no address of this machine"):
        check_ports(on_free_ports(tmp_path, LISTEN="192.0.2.1"))


# The host


def test_facts_of_the_host_are_numbers(tmp_path: Path) -> None:
    facts = sysinfo.host(tmp_path)
    for key in ("disk_mb", "disk_free_mb", "memory_mb", "memory_free_mb", "uptime_s"):
        assert isinstance(facts[key], int), key
    assert facts["hostname"]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("nonsense")
    facts = sysinfo.host(tmp_path / "nowhere", proc=tmp_path)
    assert not {"disk_mb", "memory_mb", "uptime_s"} & facts.keys()
    assert facts["hostname"]


@pytest.mark.parametrize(
    ("tz", "written", "zone"),
    [
        ("Europe/Zurich", "Asia/Tokyo", "Europe/Zurich"),
        (":Europe/Zurich", "", "Europe/Zurich"),
        ("", "Asia/Tokyo\n", "Asia/Tokyo"),
        ("CET-1CEST", "Asia/Tokyo", "Asia/Tokyo"),
        ("../../etc/passwd", "", "UTC"),
        ("", "", "UTC"),
    ],
)
def test_the_zone_is_the_hosts(tmp_path: Path, tz: str, written: str, zone: str) -> None:
    (tmp_path / "timezone").write_text(written)
    assert local_zone(tz, tmp_path) == ZoneInfo(zone)


def test_the_zone_is_read_from_the_link_first(tmp_path: Path) -> None:
    target = tmp_path / "share" / "zoneinfo" / "America" / "New_York"
    target.parent.mkdir(parents=True)
    target.touch()
    (tmp_path / "localtime").symlink_to(target)
    (tmp_path / "timezone").write_text("Asia/Tokyo")
    assert local_zone("", tmp_path).key == "America/New_York"
