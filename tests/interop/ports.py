"""Ports that are free together: some programs take the one after the one they are given."""

from __future__ import annotations

import contextlib
import random
import socket

HOST = "127.0.0.1"
_LOW, _HIGH = 10000, 16000


def free_ports(count: int) -> list[int]:
    """That many in a row, free on UDP and TCP. Below those that the kernel gives away by itself, and chosen
    by chance, since another test may look at the same time."""
    chance = random.SystemRandom()
    for _ in range(200):
        first = chance.randrange(_LOW, _HIGH)
        if all(_is_free(port) for port in range(first, first + count)):
            return list(range(first, first + count))
    raise AssertionError("no ports are free")


def _is_free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        contextlib.suppress(OSError),
    ):
        udp.bind((HOST, port))
        tcp.bind((HOST, port))
        return True
    return False
