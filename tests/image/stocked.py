"""A data partition that holds an office already, made without mounting anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from firmware import gpt
from tests.image.conftest import CHECKOUT

OWNER = 800
"""The user `callisto` of the image."""
PASSWORD = "Correct-Horse-7-Battery"
NUMBER = "600"
ROOM = 400 << 20
"""Bytes for what a machine does with updates, beside them."""
END = 2048
"""Sectors behind the last partition: the second table."""
SETTINGS = """\
listen = "0.0.0.0"
telnet_port = 23
web_port = 80
networks = ["10.0.2.0/24", "127.0.0.0/8"]
"""
OFFICE = """\
format: 1
users:
  admin:
    name: Administrator
    roles: [administrator]
  anna:
    name: Anna Amsler
    address: {phone}
    number: '61'
groups:
  Sales:
    manager_number: '{number}'
    manager: anna
contacts: []
variables: {{}}
"""


def stock(
    disk: Path, folder: Path, phone: str = "sip:anna@192.0.2.1:5060", updates: tuple[Path, ...] = ()
) -> None:
    """Put a store with the group NUMBER, whose manager has `phone`, onto the data partition of `disk`; and
    `updates` as if they had been uploaded to it. With these it is larger than in the image."""
    if updates:
        grow(disk, sum(one.stat().st_size for one in updates) + ROOM)
    fill(folder / "data", phone, updates)
    with disk.open("rb") as file:
        data = gpt.read(file.read(gpt.FIRST_USABLE * gpt.SECTOR)).named("data")
    content = folder / "content"
    with content.open("wb") as empty:
        empty.truncate(data.size)
    _run(["mke2fs", "-q", "-t", "ext4", "-L", "data", "-d", str(folder / "data"), str(content)])
    place = (f"of={disk}", "conv=notrunc", "bs=1M", f"seek={data.start >> 20}")
    _run(["dd", f"if={content}", "status=none", *place])


def fill(data: Path, phone: str = "sip:anna@192.0.2.1:5060", updates: tuple[Path, ...] = ()) -> None:
    """As `stock`, into a folder."""
    state = data / "callisto"
    state.mkdir(parents=True)
    office = state / "office.yaml"
    office.write_text(OFFICE.format(phone=phone, number=NUMBER))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CALLISTO_")},
        "PYTHONPATH": str(CHECKOUT),
        "CALLISTO_CONFIG": "",
        "CALLISTO_STATE": str(state),
        "CALLISTO_ADMIN_PASSWORD": PASSWORD,
    }
    for command in (["init"], ["import", str(office)]):
        _run([sys.executable, "-P", "-m", "appliance", *command], environment)
    office.unlink()
    (state / "callisto.toml").write_text(SETTINGS)
    (state / "updates").mkdir(mode=0o700)
    for one in updates:
        shutil.copyfile(one, state / "updates" / one.name)
    for one in (state, *state.rglob("*")):
        os.chown(one, OWNER, OWNER)


def grow(disk: Path, data: int) -> None:
    """The data partition of `disk` has `data` bytes at least."""
    with disk.open("r+b") as file:
        head = file.read(gpt.FIRST_USABLE * gpt.SECTOR)
        before = gpt.read(head)
        *others, last = before.partitions
        whole = ((data >> 20) + 1 << 20) // gpt.SECTOR
        last = replace(last, last=last.first + whole - 1)
        table = replace(before, sectors=last.last + 1 + END, partitions=(*others, last))
        file.seek(0)
        file.write(table.primary(head[:440]))
        file.truncate(table.sectors * gpt.SECTOR)
        file.seek((table.last_usable + 1) * gpt.SECTOR)
        file.write(table.backup())


def _run(argv: list[str], environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
