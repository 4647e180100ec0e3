"""What the builder does to the tree of the root file system."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from firmware.build.inside import _lay_over
from firmware.build.recipe import IMAGE

HOOK = IMAGE / "initramfs-hook"


def test_ours_replace_debians_and_a_link_stays_one(tmp_path: Path) -> None:
    overlay, tree = tmp_path / "overlay", tmp_path / "tree"
    (overlay / "etc/units").mkdir(parents=True)
    (tree / "etc/units").mkdir(parents=True)
    (overlay / "etc/units/masked").symlink_to("/dev/null")
    (tree / "etc/units/masked").write_text("Debian's")
    (overlay / "etc/program").write_text("#!/bin/sh\n")
    (overlay / "etc/program").chmod(0o700)
    (overlay / "etc/plain").write_text("ours")
    (tree / "etc/plain").symlink_to("elsewhere")
    _lay_over(overlay, tree)
    _lay_over(overlay, tree)  # what is there already is no matter
    assert (tree / "etc/units/masked").readlink() == Path("/dev/null")
    assert (tree / "etc/program").stat().st_mode & 0o777 == 0o755
    assert (tree / "etc/plain").read_text() == "ours"
    assert not (tree / "etc/plain").is_symlink()


def test_every_link_of_the_overlay_masks_a_unit() -> None:
    links = [one for one in (IMAGE / "overlay").rglob("*") if one.is_symlink()]
    assert links
    for link in links:
        assert link.readlink() == Path("/dev/null"), link
        assert link.suffix in {".mount", ".service"}, link


def hooked(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ("sh", HOOK, *arguments),
        env={"PATH": os.defpath, "DESTDIR": str(tmp_path), "version": "6.1"},
        capture_output=True,
        text=True,
        check=True,
    )


def test_what_starts_the_machine_keeps_disks_and_loses_networks(tmp_path: Path) -> None:
    modules = tmp_path / "usr/lib/modules/6.1/kernel"
    kept = ("drivers/nvme/host/nvme.ko", "drivers/usb/storage/usb-storage.ko", "fs/squashfs/squashfs.ko")
    lost = ("drivers/net/ethernet/intel/e1000.ko", "fs/btrfs/btrfs.ko", "net/sunrpc/sunrpc.ko")
    for name in (*kept, *lost):
        (modules / name).parent.mkdir(parents=True)
        (modules / name).touch()
    hooked(tmp_path)
    assert sorted(str(one.relative_to(modules)) for one in modules.rglob("*.ko")) == sorted(kept)
    assert not (modules / "net").exists()


def test_the_hook_has_no_other_before_it_and_touches_nothing_when_asked(tmp_path: Path) -> None:
    assert hooked(tmp_path, "prereqs").stdout == ""
    assert not list(tmp_path.iterdir())
