"""Fetches pjproject through apt: a private state, the machine's own mirror, Debian's signature."""

from __future__ import annotations

import platform
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from router.pjsua.build import mirror
from router.pjsua.build.requirements import APT_HELPER
from router.pjsua.build.stage import BuildError, Stages

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIED = "SHA256:6860c2f7604b4eee75f38151a9ef69774eb3f0c5286fc1d14bc1db2dc5a9e8aa"
"""pjproject 2.17, the sources this recipe was last tried with."""

ONLINE = "is this machine online, is its clock right? Meanwhile the stock wheel (4 call legs) is used"


@dataclass(frozen=True, slots=True)
class Apt:
    """apt-get with a state of its own in `folder`: needs no root and leaves the system's lists alone."""

    folder: Path
    stages: Stages

    def component(self, mirror_uri: str) -> mirror.Component:
        """The pjproject component that the signed index of `mirror_uri` names."""
        config = self._prepare(mirror_uri)
        self.stages.run("index", ["apt-get", "-c", str(config), "update"], cwd=self.folder, hint=ONLINE)
        printed = self.stages.run(
            "source package",
            ["apt-get", "-c", str(config), "source", "--print-uris", "--download-only", "asterisk"],
            cwd=self.folder,
            hint=f"the source package asterisk is not in Debian {mirror.SUITE} on {mirror_uri}",
        )
        found = mirror.pjproject_component(printed)
        if found is None:
            raise BuildError(
                "Debian's source package asterisk no longer has a pjproject part",
                f"look for another home of the sources and change {mirror.__name__}",
            )
        return found

    def download(self, component: mirror.Component, target: Path) -> None:
        """Fetch and check against the index's checksum; `target` appears only when it is whole."""
        partial = target.with_name(target.name + ".partial")
        partial.unlink(missing_ok=True)
        self.stages.run(
            "download",
            [str(APT_HELPER), "download-file", component.uri, str(partial), component.checksum],
            cwd=self.folder,
            hint=ONLINE,
        )
        partial.replace(target)

    def _prepare(self, mirror_uri: str) -> Path:
        for name in ("lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        sources = self.folder / "sources.list"
        sources.write_text(mirror.source_line(mirror_uri), encoding="utf-8")
        config = self.folder / "apt.conf"
        config.write_text(
            # The system's hooks are for the system's lists.
            "#clear APT::Update::Pre-Invoke;\n"
            "#clear APT::Update::Post-Invoke;\n"
            "#clear APT::Update::Post-Invoke-Success;\n"
            f'Dir::State "{self.folder}";\n'
            f'Dir::State::lists "{self.folder}/lists";\n'
            f'Dir::Cache "{self.folder}/cache";\n'
            f'Dir::Etc::sourcelist "{sources}";\n'
            'Dir::Etc::sourceparts "/dev/null";\n'
            'Acquire::Languages "none";\n',
            encoding="utf-8",
        )
        return config


def fetch(cache: Path, work: Path, stages: Stages) -> Path:
    """The verified archive of pjproject, in the cache or fetched into it."""
    cache.mkdir(parents=True, exist_ok=True)
    kept = _kept(cache)
    if kept is not None:
        stages.say(f"sources: {kept.name}, fetched before")
        return kept
    uri = machine_mirror()
    apt = Apt(work / "apt", stages)
    component = apt.component(uri)
    if component.checksum != TRIED:
        stages.say(f"{component.file_name} is not what this recipe was last tried with; trying it")
    # The version in Debian's file name moves with each upload of asterisk; the content names it better.
    target = cache / f"pjproject-{component.checksum.rsplit(':', 1)[-1][:12]}{_suffixes(component.file_name)}"
    apt.download(component, target)
    stages.say(f"sources: {component.file_name}, {component.size / 1e6:.1f} MB, signed by Debian")
    return target


def machine_mirror(root: Path = Path("/etc/apt")) -> str:
    """The Debian archive that this machine's own apt sources name."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    found = mirror.debian_mirror(_entries(root), codename)
    if found is None:
        raise BuildError(
            f"no Debian archive in {root}/sources.list or {root}/sources.list.d",
            "PJSIP's sources come from Debian: add a mirror to apt's sources, or use the stock wheel",
        )
    return found


def unpack(archive: Path, target: Path) -> str:
    """Unpack without the leading folder; the version of pjproject."""
    target.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        # Debian 12's Python is from before the filters; what comes here is signed by Debian either way.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        for member in tar:
            member.name = member.name.partition("/")[2]
            if member.name:
                tar.extract(member, target)
    return version(target)


def version(tree: Path) -> str:
    """As version.mak says it, such as 2.17 or 2.15.1."""
    parts: dict[str, str] = {}
    for line in (tree / "version.mak").read_text(encoding="utf-8").splitlines():
        name, assigned, value = line.partition(":=")
        if assigned and name.startswith("export PJ_VERSION_"):
            parts[name.split("PJ_VERSION_", 1)[1].strip()] = value.strip()
    numbers = [parts.get(name, "") for name in ("MAJOR", "MINOR", "REV")]
    if not numbers[0]:
        raise BuildError(
            "version.mak does not name a version", "the layout of pjproject has changed: see the recipe"
        )
    return ".".join(number for number in numbers if number)


def _entries(root: Path) -> Iterator[mirror.Entry]:
    for path in (root / "sources.list", *sorted((root / "sources.list.d").glob("*.list"))):
        if path.is_file():
            yield from mirror.one_line_entries(path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted((root / "sources.list.d").glob("*.sources")):
        yield from mirror.deb822_entries(path.read_text(encoding="utf-8", errors="replace"))


def _kept(cache: Path) -> Path | None:
    found = sorted(cache.glob("pjproject-*.tar.*"), key=lambda path: path.stat().st_mtime)
    whole = [path for path in found if path.suffix != ".partial"]
    return whole[-1] if whole else None


def _suffixes(name: str) -> str:
    return name[name.index(".tar.") :]
