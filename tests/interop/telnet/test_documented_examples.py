"""The programs in docs/shell.md, run as they stand there."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from shell.telnet.server import TelnetServer
from tests import needs
from tests.fakes.shell_ports import Office

PAGE = (Path(__file__).parents[3] / "docs" / "shell.md").read_text()
EXAMPLES = {
    name: (language, text)
    for name, language, text in re.findall(r"<!-- example (\w+) -->\n```(\w+)\n(.*?)```", PAGE, re.DOTALL)
}


def test_there_are_examples() -> None:
    assert set(EXAMPLES) == {"netmiko", "scrapli", "pexpect", "expect"}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_of_the_page_works(
    server: TelnetServer, office: Office, name: str, tmp_path: Path
) -> None:
    language, text = EXAMPLES[name]
    needs.program("telnet", "inetutils-telnet")
    source = tmp_path / "example"
    source.write_text(
        text.replace("callisto.example", "127.0.0.1")
        .replace("2323", str(server.port))
        .replace("PASSWORD", "secret")
    )
    interpreter = [sys.executable, "-P"] if language == "python" else [needs.program("expect"), "-f"]
    process = await asyncio.create_subprocess_exec(
        *interpreter, str(source), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    assert out.decode().split("\n")[:2] == [
        "18 variables",
        "refused: gWebTimeout: 99999 is more than 1440",
    ]
    assert (await office.variables.get("gWebTimeout")).is_default
