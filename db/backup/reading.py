"""An archive, read as a stream and believed in nothing: what comes out is whole and ours, or refused."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import stream_unzip as unzip

from db.backup.errors import (
    AlteredError,
    ArchiveError,
    BombError,
    DuplicateError,
    ForeignArchiveError,
    MissingMemberError,
    NoRoomError,
    PasswordNeededError,
    TruncatedError,
    UnsafeNameError,
    WrongPasswordError,
)
from db.backup.headers import Headers
from db.backup.listed import files_in
from db.backup.manifest import FILES, MANIFEST, MEDIA, STORE, Entry, Manifest, is_member, of_json
from db.backup.placed import is_safe
from db.backup.progress import Progress, Tell, silent
from db.backup.tail import Passed

MOST_MEMBERS = 200_000
MOST_MANIFEST = 1_000_000
MOST_TIMES = 200
"""A store of real calls becomes 4 to 20 times as large when it is unpacked."""
SMALL = 1_000_000
"""Bytes that nobody minds, whatever they have come from."""

_LOCAL = b"PK\x03\x04"
_ENCRYPTED = 1


def unpack(
    chunks: Iterable[bytes],
    into: Path,
    password: str,
    room: int,
    tell: Tell = silent,
    *,
    wanted: Callable[[str], bool] = lambda _name: True,
) -> Manifest:
    """Everything that the archive has, checked, into the empty folder `into`: `store.db`, `files.jsonl` (read
    it with `files_in`), and `media/` with the contents by their hash. Files are for their owner only, and not
    synced.

    `room`: bytes that it may take there; `wanted`: members that are written besides the list of files, the
    others are only checked;
    `password`: empty for none, of no matter where the archive has none. Raises ArchiveError: then whatever is
    in `into` is not to be used. What `chunks` raises passes as it is.
    """
    return _Reader(into, password, room, tell, wanted).read(chunks)


class _Reader:
    def __init__(
        self, into: Path, password: str, room: int, tell: Tell, wanted: Callable[[str], bool]
    ) -> None:
        self._into = into
        self._password = password
        self._room = room
        self._tell = tell
        self._wanted = wanted
        self._entries: dict[str, Entry] = {}
        self._media: dict[bytes, bool] = {}  # whether a file has these contents
        self._media_size = 0
        self._written = 0
        self._out = 0
        self._manifest: Manifest | None = None
        self._passed = Passed()

    def read(self, chunks: Iterable[bytes]) -> Manifest:
        first, stream = _begun(self._passed.through(_seen(chunks)))
        encrypted = _is_encrypted(first)
        if encrypted and not self._password:
            raise PasswordNeededError
        allowed = (unzip.AE_2, unzip.AES_256) if encrypted else (unzip.NO_ENCRYPTION,)
        secret = self._password.encode() if encrypted else None
        with _explained(encrypted=encrypted):
            for name, _, pieces in unzip.stream_unzip(
                stream, password=secret, allowed_encryption_mechanisms=allowed
            ):
                self._member(self._name(name), pieces)
        self._passed.check_end(len(self._entries) + len(self._media) + (self._manifest is not None))
        return self._compared()

    def _name(self, raw: bytes) -> str:
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            raise UnsafeNameError(raw.decode(errors="replace")) from None
        if name in self._entries or (name == MANIFEST and self._manifest is not None):
            raise DuplicateError(name)
        if self._manifest is not None:
            raise ForeignArchiveError("its manifest is not its last member")
        if name != MANIFEST and not is_member(name):
            if is_safe(name.rstrip("/")):
                raise ForeignArchiveError(f"it has a member {name[:80]!r}")
            raise UnsafeNameError(name)
        if name.startswith(MEDIA) and bytes.fromhex(name.removeprefix(MEDIA)) in self._media:
            raise DuplicateError(name)
        if len(self._media) >= MOST_MEMBERS:
            raise BombError(f"it has more than {MOST_MEMBERS:,} members")
        return name

    def _member(self, name: str, pieces: Iterable[bytes]) -> None:
        if name == MANIFEST:
            raw = bytearray()
            for piece in self._bounded(pieces, writes=False):
                raw += piece
                if len(raw) > MOST_MANIFEST:
                    raise BombError("its manifest is too large")
            self._manifest = of_json(bytes(raw))
            return
        digest, size = hashlib.sha256(), 0
        writes = name == FILES or self._wanted(name)
        with _file(self._into / name if writes else Path(os.devnull)) as write:
            for piece in self._bounded(pieces, writes=writes):
                digest.update(piece)
                size += len(piece)
                write(piece)
        if not name.startswith(MEDIA):
            self._entries[name] = Entry(name, size, digest.hexdigest())
            return
        if name != MEDIA + digest.hexdigest():
            raise AlteredError(f"{name} is not what its name says")
        self._media[digest.digest()] = False
        self._media_size += size

    def _bounded(self, pieces: Iterable[bytes], *, writes: bool) -> Iterator[bytes]:
        for piece in pieces:
            self._out += len(piece)
            if self._out > SMALL and self._out > MOST_TIMES * self._passed.size:
                raise BombError(f"it would become more than {MOST_TIMES} times as large as it is")
            if writes:
                self._written += len(piece)
                if self._written > self._room:
                    raise NoRoomError(self._written, self._room, str(self._into))
            self._tell(Progress(self._out, 0, "reads the backup"))
            yield piece

    def _compared(self) -> Manifest:
        if self._manifest is None:
            raise ForeignArchiveError("it has no manifest")
        for entry in self._manifest.entries:
            found = self._entries.get(entry.name)
            if found is None:
                raise MissingMemberError(entry.name)
            if found != entry:
                raise AlteredError(f"{entry.name} is not what the manifest says")
        files = self._listed()
        if unlisted := next((each for each, listed in self._media.items() if not listed), None):
            raise ForeignArchiveError(f"{MEDIA}{unlisted.hex()} is no file of it")
        found_in_all = (files, len(self._media), self._media_size)
        if found_in_all != (self._manifest.files, self._manifest.media, self._manifest.media_size):
            raise AlteredError("its files are not as many as the manifest says")
        return self._manifest

    def _listed(self) -> int:
        """How many files there are; the contents of each are there, and none is there twice."""
        paths: set[int] = set()
        for count, placed in enumerate(files_in(self._into)):
            if count >= MOST_MEMBERS:
                raise BombError(f"it has more than {MOST_MEMBERS:,} files")
            paths.add(hash((placed.root, placed.path)))
            if len(paths) != count + 1:
                raise DuplicateError(placed.path)
            contents = bytes.fromhex(placed.sha256)
            if contents not in self._media:
                raise MissingMemberError(placed.entry)
            self._media[contents] = True
        return len(paths)


def _seen(chunks: Iterable[bytes]) -> Iterator[bytes]:
    headers = Headers()
    for chunk in chunks:
        headers.feed(chunk)
        yield chunk


def _begun(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The beginning, and all of it."""
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= 30:
            break
    return first, chain([first], chunks)


def _is_encrypted(first: bytes) -> bool:
    """APPNOTE.TXT 4.3.7: signature, version, flags."""
    if len(first) < len(_LOCAL):
        raise TruncatedError if _LOCAL.startswith(first) else ForeignArchiveError("it is no ZIP file")
    if not first.startswith(_LOCAL):
        raise ForeignArchiveError("it is no ZIP file")
    if len(first) < 30:
        raise TruncatedError
    return bool(struct.unpack_from("<H", first, 6)[0] & _ENCRYPTED)


@contextmanager
def _file(path: Path) -> Iterator[Callable[[bytes], object]]:
    if str(path) == os.devnull:
        yield lambda _piece: None
        return
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        yield file.write


@contextmanager
def _explained(*, encrypted: bool) -> Iterator[None]:
    """What the library says, in our words. It passes on errors of many families from hostile bytes."""
    try:
        yield
    except ArchiveError:
        raise
    except unzip.IncorrectPasswordError as exc:
        raise WrongPasswordError from exc
    except unzip.TruncatedDataError as exc:
        raise TruncatedError from exc
    except (unzip.EncryptionMechanismNotAllowed, unzip.MissingPasswordError) as exc:
        what = "parts of it are encrypted in another way" if encrypted else "parts of it are encrypted"
        raise ForeignArchiveError(what) from exc
    except unzip.UnsupportedFeatureError as exc:
        raise ForeignArchiveError("it is made in a way that no backup is") from exc
    except (unzip.IntegrityError, unzip.UncompressError) as exc:
        raise AlteredError("a checksum is wrong") from exc
    except MemoryError as exc:
        raise BombError("it would take all the memory") from exc
    except (unzip.UnzipError, zlib.error, struct.error, ValueError, IndexError, EOFError) as exc:
        raise AlteredError("it cannot be read to its end") from exc


def is_store(name: str) -> bool:
    """For `wanted`: the store alone."""
    return name == STORE
