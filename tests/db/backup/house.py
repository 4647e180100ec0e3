"""A small state folder with all that a backup has, and archives of it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from db.backup.source import Source
from db.backup.writing import write
from tests.db.big_store import make

PASSWORD = "correct horse Gruß Ł"
SOUND = b"RIFF" + bytes(range(256)) * 40


def state(folder: Path, calls: int = 300) -> Path:
    """As an appliance has it after a while."""
    make(folder / "callisto.db", calls)
    files = {
        "announcements/Grüezi mitenand.wav": SOUND,
        "announcements/night/closed.wav": SOUND[:-5],
        "announcements/empty.wav": b"",
        "tls/telnet.key": b"-----BEGIN PRIVATE KEY-----\n",
        "tls/copy.key": b"-----BEGIN PRIVATE KEY-----\n",
        f"media/{hashlib.sha256(SOUND * 2).hexdigest()}": SOUND * 2,
    }
    for name, contents in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(contents)
    (folder / "callisto.toml").write_text("telnet_port = 2323\n")
    return folder


def source(folder: Path, work: Path) -> Source:
    work.mkdir(exist_ok=True)
    url = f"sqlite:///{folder / 'callisto.db'}"
    return Source(url, folder, work, "0.1.0", {"callisto.toml": folder / "callisto.toml"})


def archive(folder: Path, work: Path, password: str = "") -> bytes:
    out = io.BytesIO()
    write(source(folder, work), out.write, password)
    return out.getvalue()


def pieces(raw: bytes, size: int = 5000) -> Iterator[bytes]:
    return (raw[at : at + size] for at in range(0, len(raw), size))
