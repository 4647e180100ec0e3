"""Told to systemd: what arrives at a socket such as its own."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.services.notify import Notify


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(5.0)
        yield sock


def env(systemd: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": systemd.getsockname(), "PATH": "/bin", **more}


def test_readiness_and_the_end_are_told(systemd: socket.socket) -> None:
    notify = Notify.taken(env(systemd))
    notify.ready("ready on 127.0.0.1:23")
    notify.stopping()
    assert systemd.recv(100) == b"READY=1\nSTATUS=ready on 127.0.0.1:23"
    assert systemd.recv(100) == b"STOPPING=1"
    notify.close()


def test_no_child_process_inherits_the_way_to_systemd(systemd: socket.socket) -> None:
    given = env(systemd, WATCHDOG_USEC="20000000", WATCHDOG_PID=str(os.getpid()))
    Notify.taken(given).close()
    assert given == {"PATH": "/bin"}


def test_a_loop_gives_three_signs_within_the_time_of_the_watchdog(systemd: socket.socket) -> None:
    notify = Notify.taken(env(systemd, WATCHDOG_USEC="9000000"))
    for now in range(100, 109):
        notify.turn(float(now))
    notify.close()
    assert [systemd.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(100)


async def test_an_asyncio_process_gives_signs_while_its_loop_turns(systemd: socket.socket) -> None:
    notify = Notify.taken(env(systemd, WATCHDOG_USEC="30000", WATCHDOG_PID=str(os.getpid())))
    living = asyncio.create_task(notify.live())
    for _ in range(3):
        assert await asyncio.to_thread(systemd.recv, 100) == b"WATCHDOG=1"
    living.cancel()
    notify.close()


@pytest.mark.parametrize("pid", ["1", "x", ""])
def test_a_watchdog_of_another_process_is_not_ours(systemd: socket.socket, pid: str) -> None:
    notify = Notify.taken(env(systemd, WATCHDOG_USEC="9000000", WATCHDOG_PID=pid))
    assert (notify.every == 0.0) is (pid != "")
    notify.close()


async def test_without_systemd_nothing_happens() -> None:
    for given in ({}, {"WATCHDOG_USEC": "9000000"}, {"NOTIFY_SOCKET": "/nowhere/at/all"}):
        notify = Notify.taken(dict(given))
        notify.ready("ready")
        notify.turn(1.0)
        await notify.live()
        notify.close()
