"""Bundles for tests: as they should be, and each part of them as somebody else would have it."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from firmware import signature
from firmware.update import keyfile, sheet, verity
from firmware.update.sheet import SECTION, Sheet
from tests.firmware.signing import Keys

SHEET = Sheet(
    kind="application",
    version="1.4.0",
    built_at=datetime(2026, 11, 23, 4, 30, tzinfo=UTC),
    compatible="callisto-app-x86_64",
    base="debian12-python3.11",
    schema="0005",
    oldest_schema="0001",
    kernel="",
    restart="services",
    outage_s=2.0,
    notes="Hunting is quicker.",
    signer="CN=Test releases",
)
SYSTEM = replace(
    SHEET, kind="system", compatible="callisto-x86_64", kernel="cloud", restart="reboot", outage_s=60.0
)


def payload(blocks: int, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(blocks * verity.BLOCK)


def manifest(what: Sheet, tree: verity.Verity, **changed: str) -> str:
    """`changed`: other values for keys of `[bundle]`."""
    hashes = {
        "format": "verity",
        "verity-hash": tree.root.hex(),
        "verity-salt": tree.salt.hex(),
        "verity-size": str(tree.size),
    }
    build = str(int(what.built_at.timestamp()))
    return keyfile.written(
        {
            "update": {"compatible": what.compatible, "version": what.version, "build": build},
            "bundle": hashes | {name.replace("_", "-"): value for name, value in changed.items()},
            SECTION: sheet.section(what),
        }
    )


def signed(text: str, keys: Keys) -> bytes:
    return signature.sign(text.encode(), keys.certificate, str(keys.key), attached=True)


def assembled(content: bytes, tree: bytes, cms: bytes) -> bytes:
    return content + tree + cms + len(cms).to_bytes(8, "big")


def made(path: Path, keys: Keys, content: bytes, what: Sheet = SHEET) -> Path:
    """A good one."""
    found, tree = verity.made(io.BytesIO(content), len(content), b"\5" * 32)
    path.write_bytes(assembled(content, tree, signed(manifest(what, found), keys)))
    return path
