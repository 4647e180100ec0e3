"""Bundles: good ones, those of others, and what damage and malice make of them."""

from __future__ import annotations

import io
import os
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware import signature
from firmware.update import bundle, sheet, verity
from firmware.update.errors import BundleError
from firmware.update.verity import BLOCK
from tests import needs
from tests.firmware import signing
from tests.firmware.signing import Keys
from tests.firmware.update.bundles import SHEET, assembled, made, manifest, payload, signed

CONTENT = payload(300)
SEED = 20261123
TRIES = 12


@dataclass(frozen=True, slots=True)
class Good:
    path: Path
    keys: Keys
    raw: bytes

    @property
    def cms(self) -> tuple[int, int]:
        """Where the signature is."""
        size = int.from_bytes(self.raw[-8:], "big")
        return len(self.raw) - 8 - size, len(self.raw) - 8


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    folder = tmp_path_factory.mktemp("bundle")
    keys = signing.make(folder / "keys")
    path = made(folder / "good.raucb", keys, CONTENT)
    return Good(path, keys, path.read_bytes())


def wholly(path: Path, keys: Keys) -> bundle.Bundle:
    found = bundle.opened(path, keys.ca)
    bundle.check(found)
    return found


def refused(path: Path, raw: bytes, keys: Keys) -> str:
    path.write_bytes(raw)
    with pytest.raises(BundleError) as caught:
        wholly(path, keys)
    return caught.value.message


def test_a_good_one_says_who_made_it_and_what_it_is(good: Good) -> None:
    found = wholly(good.path, good.keys)
    assert found.signer == "CN=Test releases"
    assert (found.payload, found.size) == (len(CONTENT), len(good.raw))
    assert sheet.of_bundle(found) == SHEET


def test_one_that_rauc_made_is_read_too(tmp_path: Path) -> None:
    rauc = needs.program("rauc")
    needs.program("mksquashfs", "squashfs-tools")
    keys = signing.make(tmp_path / "keys")
    content = tmp_path / "content"
    content.mkdir()
    (content / "rootfs.img").write_bytes(payload(700))
    (content / "manifest.raucm").write_text(
        "[update]\ncompatible=callisto-x86_64\nversion=1.4.0\n[bundle]\nformat=verity\n"
        "[image.rootfs]\nfilename=rootfs.img\n"
    )
    path = tmp_path / "other.raucb"
    argv = (rauc, f"--cert={keys.certificate}", f"--key={keys.key}", "bundle", content, path)
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    found = wholly(path, keys)
    assert "version=1.4.0\n" in found.manifest
    with pytest.raises(BundleError, match="none of this product"):
        sheet.of_bundle(found)
    raw = path.read_bytes()
    at = random.Random(SEED).randrange(found.payload + found.verity.size)
    refused(tmp_path / "changed.raucb", raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :], keys)


def test_ours_is_read_by_rauc_and_by_veritysetup(good: Good, tmp_path: Path) -> None:
    rauc, program = needs.program("rauc"), needs.program("veritysetup", "cryptsetup-bin")
    settings = tmp_path / "rauc.conf"
    settings.write_text(
        f"[system]\ncompatible={SHEET.compatible}\nbootloader=noop\nbundle-formats=-plain\n"
        f"[keyring]\npath={good.keys.ca}\ncheck-purpose=codesign\nuse-bundle-signing-time=true\n"
    )
    said = subprocess.run(
        (rauc, f"--conf={settings}", "info", good.path),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "1.4.0" in said.stdout
    found = bundle.opened(good.path, good.keys.ca)
    argv = (
        *(program, "verify", good.path, good.path, found.verity.root.hex(), "--no-superblock"),
        *(f"--data-blocks={found.payload // BLOCK}", f"--hash-offset={found.payload}"),
        f"--salt={found.verity.salt.hex()}",
    )
    subprocess.run(argv, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("part", ["payload", "tree", "signature", "size"])
def test_no_byte_of_it_can_be_another(good: Good, tmp_path: Path, part: str) -> None:
    start, end = good.cms
    first, last = {
        "payload": (0, len(CONTENT)),
        "tree": (len(CONTENT), start),
        "signature": (start, end),
        "size": (end, len(good.raw)),
    }[part]
    chance = random.Random(SEED)
    for _ in range(TRIES):
        at, bit = chance.randrange(first, last), 1 << chance.randrange(8)
        raw = bytearray(good.raw)
        raw[at] ^= bit
        path = tmp_path / "changed.raucb"
        path.write_bytes(raw)
        try:
            found = wholly(path, good.keys)
        except BundleError:
            continue
        # What CMS does not sign says nothing: what it signs is still what was signed.
        assert part == "signature"
        assert found.manifest == bundle.opened(good.path, good.keys.ca).manifest


def test_no_part_of_it_is_enough(good: Good, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    lengths = [0, 1, 8, BLOCK, len(CONTENT), good.cms[0], len(good.raw) - 8, len(good.raw) - 1]
    for length in [*lengths, *(chance.randrange(len(good.raw)) for _ in range(TRIES))]:
        refused(tmp_path / "cut.raucb", good.raw[:length], good.keys)
    refused(tmp_path / "cut.raucb", good.raw[1:], good.keys)
    refused(tmp_path / "cut.raucb", good.raw[BLOCK:], good.keys)


def test_nothing_can_be_put_before_or_behind_it(good: Good, tmp_path: Path) -> None:
    start, _ = good.cms
    for raw in (
        good.raw + bytes(1),
        good.raw + bytes(BLOCK),
        bytes(BLOCK) + good.raw,
        good.raw[:start] + bytes(BLOCK) + good.raw[start:],
        good.raw + good.raw[-8:],
    ):
        refused(tmp_path / "more.raucb", raw, good.keys)


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 16) + 1, 1 << 32, (1 << 63) - 1, (1 << 64) - 1])
def test_a_signature_of_any_size_is_no_way_in(good: Good, tmp_path: Path, size: int) -> None:
    refused(tmp_path / "size.raucb", good.raw[:-8] + size.to_bytes(8, "big"), good.keys)


def test_another_authority_is_none(good: Good, tmp_path: Path) -> None:
    other = signing.make(tmp_path / "keys", name="Somebody else")
    path = made(tmp_path / "foreign.raucb", other, CONTENT)
    with pytest.raises(BundleError, match="not signed by whom it has to be"):
        bundle.opened(path, good.keys.ca)
    with pytest.raises(BundleError, match="no keyring"):
        bundle.opened(path, tmp_path / "none.pem")


def test_a_key_that_is_not_meant_for_code_signs_nothing(tmp_path: Path) -> None:
    keys = signing.make(tmp_path / "keys", usage="serverAuth")
    path = made(tmp_path / "web.raucb", keys, CONTENT)
    with pytest.raises(BundleError, match="not meant for code"):
        bundle.opened(path, keys.ca)


def test_a_signature_without_the_manifest_in_it_is_none(good: Good, tmp_path: Path) -> None:
    found, tree = verity.made(io.BytesIO(CONTENT), len(CONTENT), b"\5" * 32)
    keys = good.keys
    apart = signature.sign(manifest(SHEET, found).encode(), keys.certificate, str(keys.key))
    refused(tmp_path / "apart.raucb", assembled(CONTENT, tree, apart), keys)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "plain"),
        ("format", "crypt"),
        ("verity_hash", "0" * 64),
        ("verity_hash", "g" * 64),
        ("verity_salt", ""),
        ("verity_salt", "00"),
        ("verity_size", "0"),
        ("verity_size", "-4096"),
        ("verity_size", str(1 << 62)),
        ("verity_size", "4096"),
    ],
)
def test_a_manifest_that_was_signed_by_mistake(good: Good, tmp_path: Path, key: str, value: str) -> None:
    found, tree = verity.made(io.BytesIO(CONTENT), len(CONTENT), b"\5" * 32)
    cms = signed(manifest(SHEET, found, **{key: value}), good.keys)
    refused(tmp_path / "wrong.raucb", assembled(CONTENT, tree, cms), good.keys)


def test_the_payload_of_one_under_the_signature_of_another(good: Good, tmp_path: Path) -> None:
    start, _ = good.cms
    other = made(tmp_path / "other.raucb", good.keys, payload(300, seed=8)).read_bytes()
    message = refused(tmp_path / "mixed.raucb", other[:start] + good.raw[start:], good.keys)
    assert "what was signed" in message


def test_a_file_that_changes_after_its_signature_was_read(good: Good, tmp_path: Path) -> None:
    path = tmp_path / "moving.raucb"
    path.write_bytes(good.raw)
    found = bundle.opened(path, good.keys.ca)
    path.write_bytes(good.raw + bytes(BLOCK))
    with pytest.raises(BundleError, match="changed its size"):
        bundle.check(found)
    path.unlink()
    with pytest.raises(BundleError, match="cannot be read"):
        bundle.check(found)
    with pytest.raises(BundleError, match="cannot be read"):
        bundle.opened(path, good.keys.ca)


def test_a_pipe_is_not_waited_for(good: Good, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.raucb")
    for path in (tmp_path / "pipe.raucb", tmp_path):
        with pytest.raises(BundleError, match="is no file"):
            bundle.opened(path, good.keys.ca)
