"""An image as it lies on a disk: plain or compressed, with its manifest and signature beside it."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from firmware.manifest import LARGEST, SIGNATURE_SUFFIX, SUFFIX, Manifest, ManifestError, of_json
from firmware.signature import SignatureError, verify

COMPRESSED = ".zst"
PIPE = 1 << 20
"""Bytes between zstd and us: with the usual 64 KiB both wait for each other all the time."""
KEYRINGS = (Path("/etc/rauc/keyring.pem"), Path("/usr/share/callisto/keyring.pem"))


class ImageError(Exception):
    """The image is not used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Image:
    """`path` as it was named; `signer`: whose signature is good."""

    path: Path
    manifest: Manifest
    signer: str

    @property
    def is_compressed(self) -> bool:
        return self.path.name.endswith(COMPRESSED)


def load(path: Path, keyring: Path | None) -> Image:
    """The signature is the first thing that is looked at. Raises ImageError."""
    if not path.is_file():
        raise ImageError(f"there is no image {path}")
    manifest, signer = load_manifest(manifest_of(path), keyring)
    plain = path.name.removesuffix(COMPRESSED)
    if manifest.image != plain:
        raise ImageError(
            f"the manifest is of {manifest.image}, not of {plain}; keep an image and its files together"
        )
    if plain == path.name and path.stat().st_size != manifest.size:
        raise ImageError(f"{path} has {path.stat().st_size} bytes, not {manifest.size}: get it again")
    return Image(path, manifest, signer)


def manifest_of(image: Path) -> Path:
    return image.with_name(image.name.removesuffix(COMPRESSED) + SUFFIX)


def load_manifest(path: Path, keyring: Path | None) -> tuple[Manifest, str]:
    """The manifest, and who signed it. Raises ImageError."""
    keyring = keyring or next((one for one in KEYRINGS if one.is_file()), KEYRINGS[0])
    try:
        raw = _read(path)
        signer = verify(raw, _read(path.with_name(path.name + SIGNATURE_SUFFIX)), keyring)
        return of_json(raw), signer
    except SignatureError as exc:
        raise ImageError(f"{path.name} is not signed by a key of {keyring}: {exc}; it is not used") from exc
    except ManifestError as exc:
        raise ImageError(f"{path.name}: {exc}") from exc


@contextmanager
def opened(image: Image) -> Iterator[BinaryIO]:
    """Its bytes, unpacked. Raises ImageError."""
    if not image.is_compressed:
        with image.path.open("rb", buffering=0) as file:
            yield cast(BinaryIO, file)
        return
    program = shutil.which("zstd")
    if program is None:
        raise ImageError("zstd is not on this machine: apt-get install zstd, or use the plain image")
    with subprocess.Popen(
        (program, "-dcq", "--", str(image.path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    ) as process:
        assert process.stdout
        with contextlib.suppress(OSError):  # the limit of this user may be less
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE)
        try:
            yield cast(BinaryIO, process.stdout)
        finally:
            process.stdout.close()
            process.kill()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as exc:
        raise ImageError(f"{path}: {exc.strerror}; an image comes with its manifest and signature") from exc
