"""A bundle of RAUC in its format `verity`: payload, tree of hashes, signature, and its size in eight bytes.

The signature holds the manifest, the manifest the root of the tree, and the tree hashes every block of the
payload. `rauc info` looks at the first two only; here `opened` does, and `check` at the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware import signature
from firmware.signature import SignatureError
from firmware.update import keyfile, verity
from firmware.update.errors import BundleError
from firmware.update.verity import BLOCK, Verity

__all__ = ["SUFFIX", "Bundle", "BundleError", "check", "opened"]

SUFFIX = ".raucb"
TRAILER = 8
LARGEST_SIGNATURE = 64 * 1024
"""As RAUC has it."""
LARGEST = 1 << 30
"""Bytes of a bundle. A slot has half of it."""

_ROOT = re.compile(r"[0-9a-f]{64}")
_SALT = re.compile(r"([0-9a-f]{2}){16,256}")
_SIZE = re.compile(r"[1-9][0-9]{0,11}|0")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Its signature is good; whether the payload is, only `check` knows. `payload`: bytes; what
    dm-verity shows is as long. `manifest`: as it was signed."""

    path: Path
    size: int
    payload: int
    manifest: str
    verity: Verity
    signer: str


def opened(path: Path, keyring: Path) -> Bundle:
    """Whose it is, and whether its parts fit together: a quarter of a second, whatever its size. Raises
    BundleError."""
    if path.exists() and not path.is_file():
        raise BundleError(f"{path.name} is no file")  # a pipe would have us wait
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            signed, end = _signature(file.fileno(), size)
    except OSError as exc:
        raise BundleError(f"{path.name} cannot be read: {exc.strerror}") from exc
    try:
        content, signer = signature.verify_attached(signed, keyring)
    except SignatureError as exc:
        raise BundleError(
            f"it is not signed by whom it has to be: {exc}", "take it from whom the appliance is from"
        ) from exc
    found = _verity(keyfile.read(content).get("bundle", {}))
    payload = end - found.size
    if payload <= 0 or payload % BLOCK or verity.tree_size(payload) != found.size:
        raise BundleError("its parts do not fit together", verity.CAUSE)
    return Bundle(path, size, payload, content.decode(), found, signer)


def check(bundle: Bundle, tell: Callable[[int, int], None] = lambda _done, _of: None) -> None:
    """Every byte that the manifest vouches for; `tell` gets how many, and of how many. Whoever may write to
    the file could change it afterwards: what runs from it is read through dm-verity. Raises BundleError."""
    try:
        with bundle.path.open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != bundle.size:
                raise BundleError("it has changed its size since its signature was looked at", verity.CAUSE)
            verity.check(file, bundle.payload, bundle.verity, tell)
    except OSError as exc:
        raise BundleError(f"{bundle.path.name} cannot be read: {exc.strerror}") from exc


def _signature(file: int, size: int) -> tuple[bytes, int]:
    """The signature, and where it begins."""
    if not BLOCK < size <= LARGEST:
        raise BundleError(f"it is no update: it has {size} bytes", f"those of updates end in {SUFFIX}")
    length = int.from_bytes(os.pread(file, TRAILER, size - TRAILER), "big")
    if not 0 < length <= min(LARGEST_SIGNATURE, size - TRAILER - BLOCK):
        raise BundleError("it is no update, or it is not all of one: there is no signature at its end", GET)
    at = size - TRAILER - length
    content = os.pread(file, length, at)
    if not _is_one_sequence(content) or len(content) != length or at % BLOCK:
        raise BundleError("it is no update, or it is not all of one: its signature is no CMS", GET)
    return content, at


GET = "get it again, whole"


def _is_one_sequence(content: bytes) -> bool:
    """DER, and nothing behind it."""
    if len(content) < 4 or content[0] != 0x30:
        return False
    first = content[1]
    if first < 0x80:
        return len(content) == 2 + first
    count = first - 0x80
    return 1 <= count <= 3 and len(content) == 2 + count + int.from_bytes(content[2 : 2 + count], "big")


def _verity(found: Mapping[str, str]) -> Verity:
    if found.get("format") != "verity":
        raise BundleError("it is a bundle of another format than verity", "updates are made by make image")
    root, salt, size = (found.get(f"verity-{name}", "") for name in ("hash", "salt", "size"))
    if not (_ROOT.fullmatch(root) and _SALT.fullmatch(salt) and _SIZE.fullmatch(size)):
        raise BundleError("its manifest does not say by which hashes it is checked")
    return Verity(bytes.fromhex(root), bytes.fromhex(salt), int(size))
