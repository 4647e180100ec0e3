"""What a child writes arrives whole, in order, and in few blocks."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.services.output import LONGEST_LINE, ChildOutput
from appliance.services.process import ChildProcess
from tests.appliance.waiting import eventually


async def child(program: str) -> list[str]:
    """The blocks that a Python program leaves."""
    blocks: list[str] = []
    process = await ChildProcess.start((sys.executable, "-I", "-S", "-c", program), {}, blocks.append)
    assert await process.ended() == 0
    return blocks


async def test_many_lines_come_in_few_blocks_and_none_is_lost() -> None:
    blocks = await child("for n in range(5000): print('a line that is', n, flush=True)")
    assert "\n".join(blocks).split("\n") == [f"a line that is {n}" for n in range(5000)]
    assert len(blocks) < 100


async def test_both_outputs_and_an_unfinished_last_line_are_passed_on() -> None:
    blocks = await child("import os; os.write(1, b'one\\ntw'); os.write(2, b'o\\nthree')")
    assert "\n".join(blocks) == "one\ntwo\nthree"


async def test_a_line_without_end_is_left_out_and_said_once() -> None:
    blocks = await child(f"print('first'); print('x' * {LONGEST_LINE * 5}); print('last')")
    assert "\n".join(blocks).split("\n") == [
        "first",
        f"(left out: a line of more than {LONGEST_LINE} bytes)",
        "last",
    ]


async def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert await child("import os; os.write(1, b'\\xff\\n')") == ["\N{REPLACEMENT CHARACTER}"]


async def test_what_a_grandchild_holds_open_delays_the_end_by_half_a_second_at_most() -> None:
    program = (
        "import subprocess, sys; subprocess.Popen(['sleep', '60'], start_new_session=True); print('gone')"
    )
    async with asyncio.timeout(5):
        blocks: list[str] = []
        env = {"PATH": os.defpath}
        process = await ChildProcess.start((sys.executable, "-I", "-c", program), env, blocks.append)
        await process.ended()
    assert blocks == ["gone"]


async def test_a_program_that_is_not_there_leaves_no_pipe_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileNotFoundError):
        await ChildProcess.start((str(tmp_path / "nothing"),), {}, print)
    await eventually(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=12).map(lambda some: some.replace(b"\xff", b"\n")), max_size=12))
def test_however_the_bytes_are_cut_the_lines_are_the_same(pieces: list[bytes]) -> None:
    async def relayed() -> str:
        blocks: list[str] = []
        output = ChildOutput(blocks.append)
        for piece in pieces:
            os.write(output.writing, piece)
            output._readable()  # as if it woke up after each
            output._resume()
        output.started()
        await output.close(1.0)
        return "\n".join(blocks)

    whole = b"".join(pieces).decode(errors="replace").removesuffix("\n")
    assert asyncio.run(relayed()) == whole
