"""A disk or a file as what is written to and read back, both past the page cache."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import mmap
import os
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_BLKRRPART, _BLKZEROOUT = 0x125F, 0x127F
"""linux/fs.h"""
_PUNCH = 0x01 | 0x02
"""fallocate(2): FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE."""
CHUNK = 4 << 20
ALIGNED = 4096
BUFFER = 1 << 20
"""A thread that reads or writes has one at a time and leaves it to the next: fresh memory costs more than
reading."""


class MediumError(Exception):
    """It cannot be written or read; the text says what the kernel said."""


class Medium:
    """Nobody else has it while it is open, where the kernel sees to that. Raises MediumError throughout."""

    def __init__(self, path: Path, size: int = 0, *, read_only: bool = False) -> None:
        """`size`: of an empty file, which is made that long."""
        self._path = path
        self._access = os.O_RDONLY if read_only else os.O_RDWR
        exclusive = os.O_EXCL if path.is_block_device() and not read_only else 0
        try:
            self._fd = os.open(path, self._access | os.O_CLOEXEC | exclusive)
        except OSError as exc:
            busy = "somebody else has it" if exc.errno == errno.EBUSY else exc.strerror
            raise MediumError(f"{path} cannot be opened: {busy}") from exc
        self._direct: int | None = None
        self._opening = threading.Lock()
        self._buffers: list[mmap.mmap] = []
        self.is_block = stat.S_ISBLK(os.fstat(self._fd).st_mode)
        try:
            if not read_only:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if size and not self.is_block and os.fstat(self._fd).st_size == 0:
                os.ftruncate(self._fd, size)
            self.size = os.lseek(self._fd, 0, os.SEEK_END)
        except OSError as exc:
            os.close(self._fd)
            raise MediumError(f"{path} cannot be had: {exc.strerror}") from exc

    def write(self, at: int, data: bytes | memoryview) -> None:
        """Past the page cache where `at` and the length of `data` are multiples of ALIGNED, so that little
        waits to be written in the end; from whole pages of memory without a copy. Several threads may write
        at once."""
        with memoryview(data) as view:
            done = 0 if at % ALIGNED or len(view) % ALIGNED else self._written_past(at, view)
            self._write_cached(at + done, view[done:])

    def zero(self, at: int, size: int) -> None:
        """By the device or the file system itself where it can."""
        try:
            if self.is_block:
                fcntl.ioctl(self._fd, _BLKZEROOUT, struct.pack("=QQ", at, size))
            else:
                self._punch(at, size)
        except OSError:
            zeros = bytes(min(size, CHUNK))
            for offset in range(0, size, CHUNK):
                self.write(at + offset, zeros[: size - offset])

    def sync(self) -> None:
        try:
            os.fsync(self._fd)
        except OSError as exc:
            raise MediumError(f"{self._path} has not kept what was written: {exc.strerror}") from exc

    def read(self, at: int, size: int) -> bytes:
        """As it is on the medium: what the page cache has is not asked. `at` and `size`: multiples of 512;
        only multiples of ALIGNED are sure to go past the cache."""
        return b"".join(bytes(part) for part in self._parts(at, size))

    def sha256(self, at: int, size: int) -> str:
        """Of what `read` would give, without holding it all. Several threads may ask at once."""
        digest = hashlib.sha256()
        for part in self._parts(at, size):
            digest.update(part)
        return digest.hexdigest()

    def renew_table(self) -> None:
        """Have the kernel read the partition table; it does so by itself when the medium is plugged in."""
        if self.is_block:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._fd, _BLKRRPART)

    def __enter__(self) -> Medium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)
        if self._direct is not None:
            os.close(self._direct)

    def _punch(self, at: int, size: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.fallocate64(self._fd, _PUNCH, ctypes.c_int64(at), ctypes.c_int64(size)):
            raise OSError(ctypes.get_errno(), "no hole can be made here")

    def _written_past(self, at: int, view: memoryview) -> int:
        """How much of it was, the page cache has to take the rest."""
        fd = self._directly()
        if fd is None:
            return 0
        done = self._past(fd, at, view)
        return done if done is not None else self._copied_past(fd, at, view)

    def _copied_past(self, fd: int, at: int, view: memoryview) -> int:
        """From memory as the kernel wants it. How much of it was."""
        done = 0
        with self._buffer() as buffer:
            while part := view[done : done + BUFFER]:
                buffer[: len(part)] = part
                with memoryview(buffer) as whole, whole[: len(part)] as full:
                    size = self._past(fd, at + done, full) or 0
                done += size
                if size < len(part):
                    break
        return done

    def _past(self, fd: int, at: int, view: memoryview) -> int | None:
        """Bytes written; None when the kernel does not take them like this: from such memory, or in blocks
        of such a size."""
        try:
            return os.pwrite(fd, view, at)
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise self._unwritten(at, exc) from exc
            return None

    def _write_cached(self, at: int, view: memoryview) -> None:
        begin, size = at, len(view)
        try:
            while view:
                done = os.pwrite(self._fd, view, at)
                at, view = at + done, view[done:]
        except OSError as exc:
            raise self._unwritten(at, exc) from exc
        if size:  # begun while the caller goes on; `sync` is what waits for it and says whether it was
            with contextlib.suppress(OSError):
                os.posix_fadvise(self._fd, begin, size, os.POSIX_FADV_DONTNEED)

    def _unwritten(self, at: int, exc: OSError) -> MediumError:
        return MediumError(f"{self._path} cannot be written at byte {at}: {exc.strerror}")

    def _directly(self) -> int | None:
        """What goes past the page cache; None on a file system that has no such thing."""
        with self._opening:
            if self._direct is None:
                try:
                    self._direct = os.open(self._path, self._access | os.O_DIRECT | os.O_CLOEXEC)
                except OSError as exc:
                    if exc.errno != errno.EINVAL:
                        raise MediumError(f"{self._path} cannot be opened: {exc.strerror}") from exc
            return self._direct

    @contextlib.contextmanager
    def _buffer(self) -> Iterator[mmap.mmap]:
        """In whole pages, as the kernel wants it."""
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = mmap.mmap(-1, BUFFER)
        try:
            yield buffer
        finally:
            self._buffers.append(buffer)

    def _parts(self, at: int, size: int) -> Iterator[memoryview]:
        """Each is good until the next one is asked for."""
        end = at + size
        last = min(-(-end // ALIGNED) * ALIGNED, self.size)
        first = at // ALIGNED * ALIGNED
        with self._buffer() as buffer:
            while first < last:
                done = self._fill(buffer, first, min(last - first, BUFFER))
                if not done:
                    raise MediumError(f"{self._path} ends at byte {first}")
                with (
                    memoryview(buffer) as whole,
                    whole[max(at - first, 0) : min(done, end - first)] as part,
                ):
                    yield part
                first += done

    def _fill(self, buffer: mmap.mmap, at: int, size: int) -> int:
        whole = size // ALIGNED * ALIGNED
        fd = self._directly()
        if whole and fd is not None:
            try:
                return os.preadv(fd, [memoryview(buffer)[:whole]], at)
            except OSError as exc:
                if exc.errno != errno.EINVAL:
                    raise MediumError(f"{self._path} cannot be read at byte {at}: {exc.strerror}") from exc
        os.posix_fadvise(self._fd, at, size, os.POSIX_FADV_DONTNEED)
        try:
            return os.preadv(self._fd, [memoryview(buffer)[:size]], at)
        except OSError as exc:
            raise MediumError(f"{self._path} cannot be read at byte {at}: {exc.strerror}") from exc
