"""Why a backup cannot be made, and why an archive is not taken. Pure."""

from __future__ import annotations

from db.errors import StoreError


class BackupError(StoreError):
    """No backup was made; nothing of it was left."""


class ArchiveError(StoreError):
    """The archive is not taken; nothing has been changed."""


class PasswordNeededError(ArchiveError):
    """The archive has a password, and none was given."""

    def __init__(self) -> None:
        super().__init__("the backup has a password", hint="give the password that it was made with")


class WrongPasswordError(ArchiveError):
    """It was made with another password."""

    def __init__(self) -> None:
        super().__init__(
            "the password is not the one of this backup", hint="give the password that it was made with"
        )


class TruncatedError(ArchiveError):
    """The archive ends before its end."""

    def __init__(self) -> None:
        super().__init__(
            "the backup is not complete: its end is missing",
            hint="fetch it again, and compare the sizes; or take another backup",
        )


class AlteredError(ArchiveError):
    """Something in it is not as it was written."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the backup is damaged: {what}",
            hint="fetch it again, or take another backup; this one is not sure",
        )


class BombError(ArchiveError):
    """It would become far larger than a backup can be."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"this is no backup of this program: {what}", hint="take a file that the backup page has made"
        )


class NoRoomError(ArchiveError):
    """The disk has no room for what is in it."""

    def __init__(self, needed: int, free: int, where: str) -> None:
        super().__init__(
            f"the backup needs {needed / 1e6:,.1f} MB in {where}, and {free / 1e6:,.1f} MB are free for it",
            hint="make room there and try again",
        )


class UnsafeNameError(ArchiveError):
    """A member has a name that would lead out of the folder it is unpacked to."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"this is no backup of this program: it has a member {name[:80]!r}",
            hint="take a file that the backup page has made; this one may be an attack",
        )


class NoFileError(ArchiveError):
    """A member is a link, a folder or a device."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"this is no backup of this program: {name[:80]!r} in it is no file, but a link or the like",
            hint="take a file that the backup page has made; this one may be an attack",
        )


class ForeignArchiveError(ArchiveError):
    """No ZIP, or not one of ours."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"this is no backup of this program: {what}", hint="take a file that the backup page has made"
        )


class NewerVersionError(ArchiveError):
    """A newer version has made it."""

    def __init__(self, version: str, what: str) -> None:
        super().__init__(
            f"this backup was made by a newer version ({version or 'unknown'}): {what}",
            hint="bring this appliance to that version or a later one first",
        )


class DuplicateError(ArchiveError):
    """Two members have the same name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"this is no backup of this program: it has {name[:80]!r} twice",
            hint="take a file that the backup page has made; this one may be an attack",
        )


class MissingMemberError(ArchiveError):
    """The manifest names what is not there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the backup is not complete: {name[:80]} is missing", hint="take another backup")


class UnsoundStoreError(ArchiveError):
    """The store in it does not pass: it cannot be opened, migrated, or has not the rows it should have."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the store in the backup is not sound: {what}", hint="take another backup")
