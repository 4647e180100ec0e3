"""What the shell's attackers do to others: somebody types meanwhile, and his keys are seen within a second.

The known attacks on Telnet servers, at full size, against a server in a process of its own, whose memory is
looked at afterwards. Its limits are the usual ones; several addresses of the loopback attack.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.crew import FEW_HEAPS
from tests.bench.processes import pss_mb
from tests.bench.typists import LINES, Typist, connect
from tests.shell.telnet.client import (
    CHARSET,
    DO,
    IAC,
    LINEMODE,
    MCCP3,
    MSDP,
    NAWS,
    NEW_ENVIRON,
    REFUSES_ALL,
    SB,
    STATUS,
    WILL,
    sub,
)
from tests.shell.telnet.test_fuzz import stream

ROOT = Path(__file__).parents[2]
SEEN_WITHIN_MS = 1000.0
GROWS_MB = 24.0
"""What looking at two passwords at once takes is no growth, and neither is what the allocator keeps."""
FUZZ_S = 20.0
GUESSERS = 300
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Victim:
    port: int
    pid: int


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.hostile.shell_server", str(tmp_path)],
        env={**FEW_HEAPS, **os.environ, "PYTHONPATH": str(ROOT)},  # as the supervisor starts it
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        said = process.stdout.readline()
        assert said, process.stderr.read()
        yield Victim(int(said), process.pid)
        process.stdin.close()
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


async def attack(victim: Victim, data: bytes, address: str = "127.0.0.2") -> None:
    """Send it all, as fast as it is taken, and read nothing; until cut off or for three seconds after."""
    reader, writer = await asyncio.open_connection("127.0.0.1", victim.port, local_addr=(address, 0))
    with suppress(OSError):
        async with asyncio.timeout(6):
            for start in range(0, len(data), 65536):
                writer.write(data[start : start + 65536])
                await writer.drain()
        async with asyncio.timeout(3):
            while await reader.read(65536):
                pass
    writer.transport.abort()


async def bystander(victim: Victim) -> Typist:
    typist = await connect(victim.port)
    await typist.log_in(LINES)
    return typist


async def unhurt(victim: Victim, what: Coroutine[Any, Any, Any]) -> None:
    """While it goes on, somebody who has logged in types; after it, somebody can log in."""
    typist = await bystander(victim)
    await typist.type(10, 0.5, random.Random(1))
    before = pss_mb(victim.pid)
    typist.echoes_ms.clear()
    attacking = asyncio.create_task(what)
    while not attacking.done():
        await typist.type(10, 0.5, random.Random(1))
    await attacking
    assert typist.echoes_ms
    assert max(typist.echoes_ms) < SEEN_WITHIN_MS
    assert pss_mb(victim.pid) - before < GROWS_MB
    (await bystander(victim)).transport.close()
    typist.transport.close()


def bomb() -> bytes:
    """300 MB of zeros, deflated."""
    deflate = zlib.compressobj(9)
    packed = b"".join(deflate.compress(b"\0" * MIB) for _ in range(300)) + deflate.flush()
    return IAC + WILL + MCCP3 + sub(MCCP3, b"") + packed.replace(IAC, IAC + IAC)


ENVIRON = IAC + WILL + NEW_ENVIRON
ATTACKS: dict[str, Callable[[], bytes]] = {
    "an MSDP table": lambda: IAC + WILL + MSDP + sub(MSDP, b"\x01a\x02\x03x") * 100,
    "an MSDP array": lambda: IAC + WILL + MSDP + sub(MSDP, b"\x01a\x02\x05\x04") * 100,
    "an MCCP3 bomb": bomb,
    "64 MB of text": lambda: REFUSES_ALL + b"x" * (64 * MIB),
    "64 MB of lines": lambda: REFUSES_ALL + b"x\r\n" * (20 * MIB),
    "32 MB in one NEW-ENVIRON": lambda: ENVIRON + sub(NEW_ENVIRON, b"\0\0LANG\1" + b"x" * (32 * MIB)),
    "200,000 NEW-ENVIRON variables": lambda: (
        ENVIRON + sub(NEW_ENVIRON, b"\0" + b"".join(b"\0V%d\1x" % n for n in range(200_000)))
    ),
    "a million times DO 42": lambda: (IAC + DO + b"\x2a") * 1_000_000,
    "60,000 times STATUS SEND": lambda: IAC + DO + STATUS + sub(STATUS, b"\1") * 60_000,
    "an SLC flood in LINEMODE": lambda: IAC + WILL + LINEMODE + sub(LINEMODE, b"\3" + b"\1\2\3" * 100_000),
    "codecs that are none": lambda: (
        (ENVIRON + sub(NEW_ENVIRON, b"\0\0LANG\1x.hex") + IAC + WILL + CHARSET + sub(CHARSET, b"\2bogus"))
        * 10
    ),
    "a subnegotiation without an end": lambda: IAC + SB + NAWS + b"\0" * (8 * MIB),
}


@pytest.mark.parametrize("data", ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_before_the_login_is_felt_by_nobody(
    victim: Victim, data: Callable[[], bytes]
) -> None:
    what = data()

    async def four() -> None:
        await asyncio.gather(*(attack(victim, what, f"127.0.0.{10 + n}") for n in range(4)))

    await unhurt(victim, four())


async def test_a_crowd_that_only_connects_is_turned_away(victim: Victim) -> None:
    async def crowd() -> None:
        await asyncio.gather(*(attack(victim, b"", f"127.0.0.{2 + n % 20}") for n in range(200)))

    await unhurt(victim, crowd())


async def test_three_hundred_wrong_logins_at_once_keep_nobody_waiting(victim: Victim) -> None:
    guess = REFUSES_ALL + b"admin\r\nwrong\r\n" * 3

    async def crowd() -> None:
        await asyncio.gather(*(attack(victim, guess, f"127.0.0.{2 + n % 100}") for n in range(GUESSERS)))

    await unhurt(victim, crowd())


async def test_streams_of_nonsense_neither_stop_the_shell_nor_keep_its_users_waiting(victim: Victim) -> None:
    """The seed is shown when it fails; CALLISTO_SEED repeats one."""
    seed = int(os.environ.get("CALLISTO_SEED", random.randrange(1 << 32)))
    print(f"CALLISTO_SEED={seed}")
    end = time.monotonic() + FUZZ_S

    async def one(number: int) -> None:
        dice = random.Random(seed + number)
        while time.monotonic() < end:
            await nonsense(victim, dice, f"127.0.1.{number}")

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(1, 9)))

    await unhurt(victim, all_of_them())


async def nonsense(victim: Victim, dice: random.Random, address: str) -> None:
    """One session: garbage before the login, in its place, or after it; then it ends in one of three ways."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", victim.port, local_addr=(address, 0))
    except OSError:
        return
    parts = [stream(dice) for _ in range(dice.randrange(1, 4))]
    if dice.random() < 0.3:
        parts.insert(dice.randrange(len(parts)), REFUSES_ALL + b"admin\r\na good password\r\n")
    with suppress(OSError):
        for part in parts:
            writer.write(part)
            await writer.drain()
        if dice.random() < 0.3:
            writer.write_eof()
        async with asyncio.timeout(dice.uniform(0, 0.2)):
            while await reader.read(65536):
                pass
    if dice.random() < 0.5:
        writer.transport.abort()
    writer.close()
