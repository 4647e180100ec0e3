"""What a program has recorded into a WAV file that it is still writing."""

from __future__ import annotations

import struct
import time
import wave
from dataclasses import dataclass
from pathlib import Path

from tests.sip.rtp import loudness, strength

_HEAD = 44
_HEARD_S = 0.4
_THERE, _SILENT = 0.5, 50.0


@dataclass(frozen=True, slots=True)
class Recording:
    """The newest file of that pattern: 16 bits, one channel."""

    folder: Path
    pattern: str
    rate: int = 8000

    def newest_sound(self) -> list[int]:
        """The last 0.4 s."""
        files = sorted(self.folder.glob(self.pattern), key=lambda path: path.stat().st_mtime_ns)
        if not files:
            return []
        data = files[-1].read_bytes()[_HEAD:]
        data = data[: len(data) // 2 * 2][-2 * int(_HEARD_S * self.rate) :]
        return list(struct.unpack(f"<{len(data) // 2}h", data))

    def length(self) -> float:
        """Seconds, of all calls."""
        return sum(path.stat().st_size for path in self.folder.glob(self.pattern)) / 2 / self.rate

    def until_hears(self, hertz: int, within: float = 10.0, *, after: float = 0.0) -> None:
        """`after` so many seconds of recordings, it is that tone that comes."""
        until = time.monotonic() + within
        while (
            self.length() < after + _HEARD_S
            or strength(sound := self.newest_sound(), hertz, self.rate) < _THERE
        ):
            sound = self.newest_sound()
            assert time.monotonic() < until, (
                f"no {hertz} Hz after {after:.1f} s of {self.length():.1f} s, loudness {loudness(sound):.0f}"
            )
            time.sleep(0.05)

    def until_silence(self, within: float = 10.0) -> None:
        """Nothing is recorded any more, or silence is."""
        until = time.monotonic() + within
        while True:
            length = self.length()
            time.sleep(0.3)
            if self.length() == length or loudness(self.newest_sound()) < _SILENT:
                return
            assert time.monotonic() < until, f"no silence: loudness {loudness(self.newest_sound()):.0f}"


def write_wav(path: Path, samples: list[int], rate: int = 8000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
