"""The tree of hashes: ours against veritysetup's, and every byte of it."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.update import verity
from firmware.update.errors import BundleError
from firmware.update.verity import BLOCK, Verity
from tests import needs
from tests.firmware.update.bundles import payload

SALT = bytes(range(32))
SIZES = (1, 2, 127, 128, 129, 300)
DEEP = 128 * 128 + 1
"""Blocks that need three levels."""


def whole(blocks: int) -> tuple[Verity, bytes]:
    content = payload(blocks)
    found, tree = verity.made(io.BytesIO(content), len(content), SALT)
    return found, content + tree


@pytest.mark.parametrize("blocks", [*SIZES, DEEP])
def test_what_was_made_is_good_and_told_to_its_end(blocks: int) -> None:
    found, content = whole(blocks)
    assert len(content) == blocks * BLOCK + verity.tree_size(blocks * BLOCK)
    told: list[tuple[int, int]] = []
    verity.check(io.BytesIO(content), blocks * BLOCK, found, lambda done, of: told.append((done, of)))
    assert told[-1] == (blocks * BLOCK, blocks * BLOCK)
    assert told == sorted(told)


@settings(deadline=None)
@given(st.data(), st.sampled_from(SIZES))
def test_no_byte_can_be_another(data: st.DataObject, blocks: int) -> None:
    found, content = whole(blocks)
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BundleError):
        verity.check(io.BytesIO(flipped), blocks * BLOCK, found)


@settings(deadline=None)
@given(st.data())
def test_it_cannot_be_shorter_and_no_other_root_fits(data: st.DataObject) -> None:
    found, content = whole(129)
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(BundleError):
        verity.check(io.BytesIO(content[:cut]), 129 * BLOCK, found)
    root = bytes([found.root[0] ^ 1]) + found.root[1:]
    with pytest.raises(BundleError):
        verity.check(io.BytesIO(content), 129 * BLOCK, Verity(root, SALT, found.size))
    with pytest.raises(BundleError):
        verity.check(io.BytesIO(content), 129 * BLOCK, Verity(found.root, SALT + b"1", found.size))


def test_whole_blocks_only() -> None:
    with pytest.raises(ValueError, match="whole blocks"):
        verity.made(io.BytesIO(b"x" * 100), 100, SALT)
    with pytest.raises(ValueError, match="there are not"):
        verity.made(io.BytesIO(bytes(BLOCK)), 2 * BLOCK, SALT)


@pytest.mark.parametrize("blocks", [*SIZES[1:], DEEP])
def test_veritysetup_makes_the_same_tree(blocks: int, tmp_path: Path) -> None:
    program = needs.program("veritysetup", "cryptsetup-bin")
    found, content = whole(blocks)
    data, tree = tmp_path / "data", tmp_path / "tree"
    data.write_bytes(content[: blocks * BLOCK])
    tree.touch()
    said = subprocess.run(
        (program, "format", "--no-superblock", f"--salt={SALT.hex()}", data, tree),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    root = re.search(r"Root hash:\s*([0-9a-f]{64})", said)
    assert root is not None
    assert root[1] == found.root.hex()
    assert tree.read_bytes() == content[blocks * BLOCK :]
