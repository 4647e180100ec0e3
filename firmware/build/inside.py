"""The part of the build that has to be root: `python -m firmware.build.inside JOB`. Nothing is mounted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from firmware.build import environment
from firmware.build.environment import HOME, PLACE
from firmware.build.recipe import BASE, PYTHON
from firmware.build.running import BuildError, run
from firmware.update.machine import BASE as BASE_IN_RELEASE

UNWANTED = (
    *("etc/apt", "var/lib/apt", "var/cache", "var/log", "var/backups", "usr/share/doc-base"),
    *("etc/hostname", "etc/resolv.conf", "etc/machine-id", "var/lib/dbus/machine-id", "etc/fstab.orig"),
    *("var/lib/dpkg/status-old", "var/lib/dpkg/available-old", "etc/passwd-", "etc/group-", "etc/shadow-"),
    *("etc/gshadow-", "initrd.img", "initrd.img.old", "vmlinuz", "vmlinuz.old", "boot/grub"),
    *("usr/share/initramfs-tools/modules.d/callisto", "usr/share/initramfs-tools/hooks/callisto"),
)
"""What a machine makes itself, and what tells of the one that built it."""

SAID = "> "
"""What lines for people begin with."""

FOLDERS = ("data", "boot/efi", "var/log", "var/cache", "dev", "proc", "sys", "run", "tmp")


@dataclass(frozen=True, slots=True)
class Job:
    """`hosts`: names that may be nowhere in the tree's settings."""

    tree: Path
    archive: Path
    overlay: Path
    wheels: Path
    keyring: Path
    version: str
    kernel: str
    epoch: int
    hosts: tuple[str, ...]


def main(arguments: list[str]) -> int:
    given = json.loads(Path(arguments[0]).read_text())
    job = Job(
        tree=Path(given["tree"]),
        archive=Path(given["archive"]),
        overlay=Path(given["overlay"]),
        wheels=Path(given["wheels"]),
        keyring=Path(given["keyring"]),
        version=given["version"],
        kernel=given["kernel"],
        epoch=given["epoch"],
        hosts=tuple(given["hosts"]),
    )
    os.umask(0o022)
    try:
        make(job)
    except BuildError as exc:
        print(exc, exc.hint, sep="\n", file=sys.stderr)
        return 1
    return 0


def make(job: Job) -> None:
    say("unpacking")
    job.tree.mkdir()
    run(["tar", "--extract", "--numeric-owner", "--exclude=./dev/*", "-f", job.archive, "-C", job.tree])
    for name in UNWANTED:
        _remove(job.tree / name)
    say("our files")
    _lay_over(job.overlay, job.tree)
    for name in FOLDERS:
        (job.tree / name).mkdir(parents=True, exist_ok=True)
    _identify(job)
    _boot_files(job.tree / "boot")
    say("our program")
    environment.installed(job.tree / HOME, job.wheels)
    (job.tree / "usr/bin/callisto").symlink_to(f"/{HOME}/bin/callisto")
    say("users, services, compiled programs")
    _inside(job.tree, "systemd-sysusers")
    _inside(job.tree, "systemctl", "preset-all")
    _compile(job.tree)
    for name in ("etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "var/cache/ldconfig"):
        _remove(job.tree / name)
    _refuse_hosts(job)


def say(text: str) -> None:
    print(f"{SAID}{text}", flush=True)


def _lay_over(overlay: Path, tree: Path) -> None:
    """Ours replace Debian's; all belong to root, and only what is executable here is there."""
    for source in sorted(overlay.rglob("*")):
        target = tree / source.relative_to(overlay)
        if source.is_dir() and not source.is_symlink():
            target.mkdir(exist_ok=True)
            continue
        _remove(target)
        if source.is_symlink():
            target.symlink_to(source.readlink())
            continue
        shutil.copyfile(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _identify(job: Job) -> None:
    tree = job.tree
    release = (tree / "usr/lib/os-release").read_text().rstrip("\n")
    release += f"\nIMAGE_ID=callisto\nIMAGE_VERSION={job.version}\nVARIANT_ID={job.kernel}\n"
    release += f"{BASE_IN_RELEASE}={BASE}\n"
    (tree / "usr/lib/os-release").write_text(release)
    # systemd does not let the clock start before the time of this file.
    (tree / "usr/lib/clock-epoch").touch()
    os.utime(tree / "usr/lib/clock-epoch", (job.epoch, job.epoch))
    (tree / "etc/hostname").write_text("callisto\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 callisto\n::1 localhost\n")
    # Empty: the boot menu passes the one that this machine keeps, or systemd makes one.
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    (tree / "etc/rauc").mkdir(exist_ok=True)
    shutil.copyfile(job.keyring, tree / "etc/rauc/keyring.pem")
    (tree / "etc/rauc/keyring.pem").chmod(0o644)


def _boot_files(boot: Path) -> None:
    """Where grub.cfg looks, whatever the kernel's version."""
    for pattern, name in (("vmlinuz-*", "vmlinuz"), ("initrd.img-*", "initrd.img")):
        found = sorted(boot.glob(pattern))
        if len(found) != 1:
            raise BuildError(f"there are {len(found)} files /boot/{pattern} in the root file system, not one")
        found[0].rename(boot / name)


def _compile(tree: Path) -> None:
    for compiled in [*tree.rglob("__pycache__")]:
        _remove(compiled)
    where = (f"/{PLACE}", f"/usr/lib/python{PYTHON}", "/usr/lib/python3/dist-packages")
    python = (f"/usr/bin/python{PYTHON}", *environment.LEAN)
    _inside(tree, *python, "-m", "compileall", *environment.COMPILED, *where)


def _inside(tree: Path, *argv: str | Path) -> None:
    run(
        ["chroot", tree, *argv],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "PYTHONHASHSEED": "0"},
    )


def _refuse_hosts(job: Job) -> None:
    """The names of the mirrors that this machine uses are nobody's business."""
    for folder in ("etc", "var", PLACE):
        for host in job.hosts:
            found = subprocess.run(
                ["grep", "-rlF", "--", host, job.tree / folder], capture_output=True, text=True, check=False
            ).stdout.split("\n")
            named = [one for one in found if one and not one.endswith(".py") and "/dpkg/info/" not in one]
            if named:
                raise BuildError(f"{host}, where packages came from, is named in {named[0]}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
