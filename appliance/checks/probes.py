"""Knocks on our own doors, as a stranger would. All of it stays on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

from appliance.checks.verdicts.on_services import Page

LARGEST_PAGE = 1 << 20
LARGEST_GREETING = 1 << 14
AGAIN_AFTER = 0.5
"""RFC 3261 section 17.1.2.1: timer E."""


class NoAnswerError(Exception):
    """Nobody is behind the door; the text says how that was seen."""


def own_address(listen: str) -> str:
    """Where to knock when the appliance listens there."""
    return "127.0.0.1" if ip_address(listen).is_unspecified else listen


async def login_page(listen: str, port: int) -> Page:
    """Raises NoAnswerError."""
    host, began = own_address(listen), time.monotonic()
    async with _connected(host, port) as (reader, writer):
        head = f"GET /login HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        answer = await _all(reader, LARGEST_PAGE)
    first, _, body = answer.partition(b"\r\n")
    words = first.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise NoAnswerError(f"port {port} of {host} does not speak HTTP")
    return Page(int(words[1]), b'name="password"' in body, time.monotonic() - began)


async def telnet_greeting(listen: str, port: int, *, tls: bool = False) -> str:
    """What it says before the login. Whose certificate it has is not looked at. Raises NoAnswerError."""
    async with _connected(own_address(listen), port, _any_certificate() if tls else None) as (reader, _):
        said = b""
        while b"Username" not in said and len(said) < LARGEST_GREETING:
            piece = await reader.read(4096)
            if not piece:
                break
            said += piece
    return said.decode("utf-8", "replace")


async def sip_options(listen: str, port: int) -> str:
    """The status line of the answer, such as `200 OK`, asked as UDP asks: again until it comes. Raises
    NoAnswerError; waits for ever if nothing comes."""
    host, tag, loop = own_address(listen), secrets.token_hex(8), asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        try:
            sock.connect((host, port))  # a port without anybody is told then (ICMP)
            ours = "{}:{}".format(*sock.getsockname())
            question = _options(host, port, ours, tag)
            while True:
                await loop.sock_sendall(sock, question)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_AFTER):
                        return await _status_line(sock, tag)
        except OSError as exc:
            raise NoAnswerError(
                f"nobody answers on UDP port {port} of {host}: {exc.strerror or exc}"
            ) from exc


async def _status_line(sock: socket.socket, tag: str) -> str:
    loop = asyncio.get_running_loop()
    while True:
        text = (await loop.sock_recv(sock, 65535)).decode("utf-8", "replace")
        first = text.partition("\r\n")[0]
        if first.startswith("SIP/2.0 ") and f"selftest-{tag}" in text:
            return first.removeprefix("SIP/2.0 ")[:60]


def _options(host: str, port: int, ours: str, tag: str) -> bytes:
    """With words to spare: a refusal is never longer than its request."""
    lines = (
        f"OPTIONS sip:{host}:{port} SIP/2.0",
        f"Via: SIP/2.0/UDP {ours};branch=z9hG4bK{tag};rport",
        "Max-Forwards: 1",
        f"From: <sip:selftest@{ours}>;tag={tag}",
        f"To: <sip:{host}:{port}>",
        f"Call-ID: selftest-{tag}@{ours.partition(':')[0]}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:selftest@{ours}>",
        "Accept: application/sdp",
        "User-Agent: Callisto, the self test of the appliance itself, which asks whether its router answers",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


def write_and_read_back(folder: Path) -> str:
    """Why that does not work in the folder; empty when it does. What was written is gone afterwards."""
    probe, content = folder / f".selftest-{os.getpid()}-{secrets.token_hex(4)}", secrets.token_bytes(4096)
    try:
        try:
            with probe.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if probe.read_bytes() != content:
                return f"{folder} does not give back what was written"
        finally:
            probe.unlink(missing_ok=True)
    except OSError as exc:
        return f"{folder} cannot be written: {exc.strerror or exc}"
    return ""


def free_mb(folder: Path) -> int:
    """On the disk of a folder that may not be there yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free >> 20


def inodes(folder: Path) -> tuple[int, int]:
    """All, and those that we may still use."""
    stat = os.statvfs(folder)
    return stat.f_files, stat.f_favail


@asynccontextmanager
async def _connected(
    host: str, port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    try:
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
    except OSError as exc:
        raise NoAnswerError(f"nobody answers on TCP port {port} of {host}: {exc.strerror or exc}") from exc


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _all(reader: asyncio.StreamReader, most: int) -> bytes:
    found = b""
    while len(found) < most and (piece := await reader.read(65536)):
        found += piece
    return found
