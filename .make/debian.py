"""Debian packages: what is there, what is missing, and bringing it in as root."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from say import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SYSTEM_PROGRAMS = "/usr/sbin:/sbin"
SHOWN_LINES = 15


@dataclass(frozen=True, slots=True)
class Need:
    """A Debian package, how to see that it is there, and what is lost without it."""

    package: str
    without: str
    program: str = ""
    file: str = ""
    """A path, or a pattern of one below /."""

    def met(self) -> bool:
        if self.program:
            return bool(shutil.which(self.program) or shutil.which(self.program, path=SYSTEM_PROGRAMS))
        return any(True for _ in Path("/").glob(self.file.lstrip("/")))


SIPP = Need("sip-tester", "the tests and the demo that place calls", program="sipp")
FOR_DISK = (
    Need("mtools", "images: it fills what UEFI starts from", program="mcopy"),
    Need("dosfstools", "images: it makes what UEFI starts from", program="mkfs.vfat"),
    Need("e2fsprogs", "images: it makes the data partition", program="mke2fs"),
    Need("grub-common", "images: it makes what starts", program="grub-mkimage"),
    Need("grub-pc-bin", "images: what a BIOS starts", file="/usr/lib/grub/i386-pc/boot.img"),
    Need("grub-efi-amd64-bin", "images: what UEFI starts", file="/usr/lib/grub/x86_64-efi/normal.mod"),
)
FOR_TESTS = (
    SIPP,
    *FOR_DISK,
    Need("postgresql", "the tests of the store on PostgreSQL", file="/usr/lib/postgresql/*/bin/initdb"),
    Need("inetutils-telnet", "the tests with a real Telnet client", program="telnet"),
    Need("telnet-ssl", "the tests with another Telnet client", program="telnet-ssl"),
    Need("busybox", "the tests with the Telnet client of small machines", program="busybox"),
    Need("putty-tools", "the tests with PuTTY's Telnet client", program="plink"),
    Need("netcat-openbsd", "the tests with a client that knows no Telnet", program="nc.openbsd"),
    Need("netcat-traditional", "the tests with another such client", program="nc.traditional"),
    Need("tmux", "the tests that look at a client's screen", program="tmux"),
    Need("expect", "the test with an expect script", program="expect"),
    Need("tshark", "the tests that read an exported capture", program="tshark"),
    Need("baresip-core", "the tests with baresip as a phone", program="baresip"),
    Need("linphone-cli", "the tests with Linphone as a phone", program="linphonec"),
    Need("kamailio", "the tests with Kamailio in front", program="kamailio"),
    Need("p7zip-full", "the tests that open a backup with 7-Zip", program="7z"),
    Need("libarchive-tools", "the tests that open a backup with bsdtar", program="bsdtar"),
    Need("vsftpd", "the tests of backups to an FTP server", program="vsftpd"),
    Need("openssh-server", "the tests of backups to an SFTP server", program="sshd"),
    Need("systemd", "the tests of the units with systemd's own checker", program="systemd-analyze"),
    Need("dbus-daemon", "the tests with a bus such as systemd's", program="dbus-daemon"),
    Need("openssl", "the tests of signed firmware", program="openssl"),
    Need("softhsm2", "the test of a key in a token", program="softhsm2-util"),
    Need(
        "libengine-pkcs11-openssl",
        "the test of a key in a token",
        file="/usr/lib/*/engines-3/pkcs11.so",
    ),
    Need("zstd", "the tests of compressed firmware", program="zstd"),
    Need("rauc", "the tests of updates", program="rauc"),
    Need("squashfs-tools", "the tests of updates", program="mksquashfs"),
    Need("cryptsetup-bin", "the tests of updates with another reader of their hashes", program="veritysetup"),
    Need("gdisk", "the tests that check a partition table with sgdisk", program="sgdisk"),
    Need("sipvicious", "the tests with a port scanner", program="svmap"),
)
FOR_IMAGE = (
    *FOR_DISK,
    Need("mmdebstrap", "images: it makes the root file system", program="mmdebstrap"),
    Need("squashfs-tools", "images: it packs the root file system", program="mksquashfs"),
    Need("rauc", "images: it makes updates", program="rauc"),
    Need("openssl", "images: it signs them", program="openssl"),
    Need("zstd", "images: it packs the disk", program="zstd"),
)
FOR_TEST_IMAGE = (
    *FOR_IMAGE,
    SIPP,
    Need("qemu-system-x86", "the tests that start the image", program="qemu-system-x86_64"),
    Need("ovmf", "the test that starts it with UEFI", file="/usr/share/OVMF/OVMF_CODE_4M.fd"),
    Need("systemd-container", "the test that starts it natively", program="systemd-nspawn"),
    Need("gdisk", "the test of its partition table", program="sgdisk"),
    Need("cryptsetup-bin", "the test of every block of an update", program="veritysetup"),
    Need("bmap-tools", "the second opinion on what is written", program="bmaptool"),
    Need("debsums", "the test that Debian's files are Debian's", program="debsums"),
    Need("checksec", "the test of how our binaries were built", program="checksec"),
    Need("lynis", "the number that it has for the root file system", program="lynis"),
)
FOR_BENCH = (SIPP, Need("kamailio", "the comparison with Kamailio", program="kamailio"))


def venv_package() -> str | None:
    """The package that lets this Python make environments; None when it already can."""
    if importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv"):
        return None
    return (
        "python3-venv" if Path(sys.executable).name == "python3" else f"python3.{sys.version_info.minor}-venv"
    )


def unmet(needs: Iterable[Need]) -> tuple[Need, ...]:
    return tuple(need for need in needs if not need.met())


def may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def command(packages: Sequence[str]) -> str:
    """What a person types to get them."""
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install {' '.join(packages)}"


def install(packages: Sequence[str], why: str) -> bool:
    """Bring the packages in as root; False, with apt's last words shown, when that fails."""
    say(f"{why}: installing Debian's {', '.join(packages)} (apt-get, once)")
    argv = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    done = _apt(argv)
    if done.returncode:
        # A fresh machine has no package lists yet, an old one has stale ones.
        refreshed = _apt(["apt-get", "update", "--quiet"])
        done = _apt(argv) if refreshed.returncode == 0 else refreshed
    if done.returncode:
        for line in done.stdout.splitlines()[-SHOWN_LINES:]:
            print(f"    {line}", file=sys.stderr)
        say(f"apt-get could not install them; try `{command(packages)}` by hand")
    return done.returncode == 0


def _apt(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
        check=False,
    )
