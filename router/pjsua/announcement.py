"""Announcements: what files can be played, and a copy of each that the engine plays without a resampler."""

from __future__ import annotations

import hashlib
import os
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

LARGEST = 32 << 20
"""Bytes of a file: half an hour at 8 kHz and 16 bits. What would take longer to read holds up calls."""
PCM, ALAW, ULAW, EXTENSIBLE = 1, 6, 7, 0xFFFE
RIGHT = "right is a WAV file, mono, 8000 or 16000 Hz, 16-bit PCM, A-law or mu-law"
_RATE = 8000
_KEPT = 64
_TAPS = ((1, 20119), (3, -4969), (5, 1234))
"""Half-band low-pass of 11 taps: the weight in 65536ths at each odd distance; it is 32768 in the middle."""


class AnnouncementError(Exception):
    """This file cannot be played. `status`: 404 when it is not there, 415 when it is no such WAV file."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True, slots=True)
class Announcement:
    """A file that the engine can play, and how long it lasts."""

    file: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class Sound:
    """`samples` as in the file: little-endian 16-bit PCM, or one byte each in A-law or mu-law."""

    coding: int
    rate: int
    samples: bytes

    @property
    def width(self) -> int:
        return 2 if self.coding == PCM else 1


class Announcements:
    """Checked copies in `folder`, one for each version of a file; the oldest go."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("*.wav"):
            stale.unlink(missing_ok=True)
        self._made: dict[tuple[str, int, int, int], Announcement] = {}

    def get(self, name: str) -> Announcement:
        """`name`: an absolute path or a file: URI. Raises AnnouncementError."""
        path = named(name)
        try:
            with path.open("rb") as file:
                state = os.fstat(file.fileno())
                version = (str(path), state.st_ino, state.st_mtime_ns, state.st_size)
                if version in self._made:
                    return self._made[version]
                if state.st_size > LARGEST:
                    raise AnnouncementError(415, f"{path.name} has more than {LARGEST >> 20} MB")
                sound = read(file.read(LARGEST + 1))
        except (OSError, ValueError) as exc:
            problem = exc.strerror if isinstance(exc, OSError) else "not a path"
            raise AnnouncementError(404, f"{path}: {problem}") from exc
        return self._keep(version, playable(sound))

    def _keep(self, version: tuple[str, int, int, int], sound: Sound) -> Announcement:
        while len(self._made) >= _KEPT:
            self._made.pop(next(iter(self._made))).file.unlink(missing_ok=True)
        name = hashlib.sha256(repr(version).encode(errors="surrogatepass")).hexdigest()[:16]
        file = self._folder / f"{name}.wav"
        try:
            file.write_bytes(written(sound))
        except OSError as exc:
            raise AnnouncementError(500, f"no copy can be kept in {self._folder}: {exc.strerror}") from exc
        made = Announcement(file, len(sound.samples) / sound.width / sound.rate)
        self._made[version] = made
        return made


def named(name: str) -> Path:
    """The path that `name` means; raise AnnouncementError unless it is absolute."""
    if name.lower().startswith("file:"):
        parts = urlsplit(name)
        if parts.netloc not in ("", "localhost"):
            raise AnnouncementError(404, f"a file of another machine: {name[:80]}")
        name = unquote(parts.path, errors="surrogateescape")
    if not name.startswith("/"):
        raise AnnouncementError(404, f"not an absolute path: {name[:80]}")
    return Path(name)


def read(data: bytes) -> Sound:
    """Raise AnnouncementError unless `data` is a WAV file as `RIGHT` says, with some sound in it."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise AnnouncementError(415, f"no WAV file; {RIGHT}")
    form, samples, at = b"", b"", 12
    while at + 8 <= len(data) and not samples:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        content = data[at + 8 : at + 8 + size]
        if kind == b"fmt ":
            form = content
        elif kind == b"data":
            samples = content
        at += 8 + size + size % 2
    if len(form) < 16:
        raise AnnouncementError(415, f"a WAV file without a format; {RIGHT}")
    coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if coding == EXTENSIBLE and len(form) >= 26:
        coding = int.from_bytes(form[24:26], "little")
    if bits != {PCM: 16, ALAW: 8, ULAW: 8}.get(coding) or channels != 1 or rate not in (_RATE, 2 * _RATE):
        what = {PCM: "PCM", ALAW: "A-law", ULAW: "mu-law"}.get(coding, f"coding {coding}")
        raise AnnouncementError(415, f"{channels} channels, {rate} Hz, {bits}-bit {what}; {RIGHT}")
    if coding == PCM:
        samples = samples[: len(samples) & ~1]
    if not samples:
        raise AnnouncementError(415, f"a WAV file without sound; {RIGHT}")
    return Sound(coding, rate, samples)


def playable(sound: Sound) -> Sound:
    """The same at 8 kHz, so that nothing has to be resampled while it is played."""
    if sound.rate == _RATE:
        return sound
    linear = array("h")
    if sound.coding == PCM:
        linear.frombytes(sound.samples)
    else:
        table = _table(sound.coding)
        linear.extend([table[byte] for byte in sound.samples])
    halved = array("h", halve(linear))
    return Sound(PCM, _RATE, halved.tobytes())


def halve(samples: Sequence[int]) -> list[int]:
    """Half as many samples a second: what is above the new band's end is filtered out first."""
    reach = _TAPS[-1][0]
    padded = [*[0] * (reach + 1), *samples, *[0] * (reach + 1)]
    middle = padded[reach + 1 : reach + 1 + len(samples) : 2]
    total = [32768 * sample + 32768 for sample in middle]
    for distance, weight in _TAPS:
        before = padded[reach + 1 - distance :: 2]
        after = padded[reach + 1 + distance :: 2]
        total = [sum_ + weight * (a + b) for sum_, a, b in zip(total, before, after, strict=False)]
    return [max(-32768, min(32767, value >> 16)) for value in total]


def written(sound: Sound) -> bytes:
    """A WAV file that holds `sound` and nothing else."""
    width = sound.width
    form = struct.pack("<HHIIHH", sound.coding, 1, sound.rate, sound.rate * width, width, 8 * width)
    if sound.coding != PCM:
        form += struct.pack("<H", 0)
    return b"".join(
        (
            b"RIFF",
            struct.pack("<I", 20 + len(form) + len(sound.samples)),
            b"WAVEfmt ",
            struct.pack("<I", len(form)),
            form,
            b"data",
            struct.pack("<I", len(sound.samples)),
            sound.samples,
        )
    )


def _table(coding: int) -> list[int]:
    return [from_alaw(byte) if coding == ALAW else from_ulaw(byte) for byte in range(256)]


def from_ulaw(byte: int) -> int:
    """ITU-T G.711, mu-law to 16-bit linear."""
    byte = ~byte & 0xFF
    magnitude = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


def from_alaw(byte: int) -> int:
    """ITU-T G.711, A-law to 16-bit linear."""
    byte ^= 0x55
    exponent, mantissa = byte >> 4 & 7, byte & 0x0F
    magnitude = (mantissa << 4) + 8 if exponent == 0 else (mantissa << 4) + 0x108 << (exponent - 1)
    return magnitude if byte & 0x80 else -magnitude
