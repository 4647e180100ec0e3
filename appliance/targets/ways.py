"""How to get to the target that somebody has set up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from appliance.targets.directory import DirectoryWay
from appliance.targets.ftp import FtpWay
from appliance.targets.keeping import Keeping
from appliance.targets.ports import TargetError, Way
from db.targets import TargetKind, TargetSettings, lacking


def target_of(settings: TargetSettings, pinned: Callable[[str], None]) -> Keeping:
    """`pinned`: told by what a server is known that was not known before. Raises TargetError."""
    if missing := lacking(settings):
        raise TargetError(
            f"target {settings.name} is not complete: it lacks {missing}",
            f"target set {settings.name} {missing.split(', ', maxsplit=1)[0]} …",
        )
    return Keeping(_way(settings, pinned))


def _way(to: TargetSettings, pinned: Callable[[str], None]) -> Way:
    match to.kind:
        case TargetKind.DIRECTORY:
            return DirectoryWay(Path(to.folder))
        case TargetKind.FTP | TargetKind.FTPS:
            tls = to.kind is TargetKind.FTPS
            return FtpWay(to.host, to.at_port, to.user, to.secret, to.folder, tls, to.known_by)
        case TargetKind.SFTP:
            from appliance.targets.sftp import SftpWay  # asyncssh takes 20 MB: only where it is used

            return SftpWay(to.host, to.at_port, to.user, to.secret, to.folder, to.known_by, pinned)
