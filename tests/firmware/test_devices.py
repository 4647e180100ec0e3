"""What may be written to, and what not: on descriptions, and on what a kernel tells of disks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firmware.devices import DISK, FILE, OTHER, PARTITION, Device, NoDeviceError, block_device, describe
from firmware.refusals import confirmed, refusal
from tests.firmware import images
from tests.firmware.sysfs import Kernel

STICK = Device(Path("/dev/sdb"), DISK, 32_000_000_000 // 512 * 512, "SanDisk Ultra Fit", "4C530001", "usb")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return images.manifest(images.make(tmp_path_factory.mktemp("image")))


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def sdb(kernel: Kernel) -> Device:
    return block_device(Path("/dev/sdb"), "8:16", kernel.sys, kernel.proc)


def test_a_stick_that_nobody_uses_may_be_written_to(manifest) -> None:
    assert refusal(STICK, manifest, allow_fixed=False) is None
    card = replace(STICK, bus="mmc", model="SD64G", serial="")
    assert refusal(card, manifest, allow_fixed=False) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kind": PARTITION, "disk": "/dev/sdb"}, "is a partition; .* the whole disk: /dev/sdb"),
        ({"kind": OTHER}, "neither a disk nor a file"),
        (
            {"users": ("sdb1 is mounted on /media", "sdb2 is swap space")},
            "in use: sdb1 is mounted on /media; sdb2",
        ),
        ({"read_only": True}, "read-only; is there a switch"),
        ({"size": 1 << 20}, "too small: it has 1 MB, the image needs 13 MB"),
        ({"size": 0}, "too small"),
        ({"sector": 4096}, "sectors of 4096 bytes"),
        ({"bus": "nvme"}, "not plugged in by USB or as a card; --allow-fixed"),
        ({"bus": ""}, "not plugged in"),
        ({"model": "", "serial": ""}, "neither model nor serial"),
    ],
)
def test_each_reason_against_is_told_with_what_is_right(manifest, changed, why: str) -> None:
    told = refusal(replace(STICK, **changed), manifest, allow_fixed=False)
    assert told is not None
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(told)


def test_a_fixed_disk_only_when_it_is_said_and_never_one_in_use(manifest) -> None:
    disk = replace(STICK, bus="ata")
    assert refusal(disk, manifest, allow_fixed=True) is None
    assert refusal(replace(disk, users=("sda1 is mounted on /",)), manifest, allow_fixed=True)


def test_a_file_is_written_to_when_it_is_empty_or_large_enough(manifest) -> None:
    file = Device(Path("/tmp/disk.img"), FILE, 0)
    assert refusal(file, manifest, allow_fixed=False) is None
    assert refusal(replace(file, size=manifest.size), manifest, allow_fixed=False) is None
    assert "too small" in (refusal(replace(file, size=512), manifest, allow_fixed=False) or "")
    assert "multiple" in (refusal(replace(file, size=manifest.size + 1), manifest, allow_fixed=False) or "")


@pytest.mark.parametrize("typed", ["SanDisk Ultra Fit 4C530001", " 4C530001 ", "SanDisk  Ultra Fit 4C530001"])
def test_model_and_serial_number_or_the_latter_confirm(typed: str) -> None:
    assert confirmed(STICK, typed)


@pytest.mark.parametrize("typed", ["", "yes", "y", "SanDisk Ultra Fit", "4c530001", "/dev/sdb"])
def test_nothing_else_does(typed: str) -> None:
    assert not confirmed(STICK, typed)
    assert not confirmed(replace(STICK, serial=""), "")


def test_a_stick_is_known_by_its_model_serial_number_and_bus(kernel: Kernel) -> None:
    found = sdb(kernel)
    assert (found.kind, found.size, found.bus) == (DISK, 32 << 20, "usb")
    assert found.name == "SanDisk Ultra Fit 4C530001"
    assert (found.users, found.read_only, found.sector) == ((), False, 512)


def test_a_disk_tells_its_serial_number_in_its_own_place(kernel: Kernel) -> None:
    nvme = kernel.device("nvme/nvme0/nvme0n1", "259:0")
    kernel.put(nvme / "device/model", "Samsung SSD")
    kernel.put(nvme / "device/serial", "S5GX")
    found = block_device(Path("/dev/nvme0n1"), "259:0", kernel.sys, kernel.proc)
    assert (found.name, found.bus) == ("Samsung SSD S5GX", "nvme")
    sda = kernel.device("ata1/host0/target0:0:0/0:0:0:0/block/sda", "8:0")
    (sda / "device").mkdir()
    (sda / "device/vpd_pg80").write_bytes(b"\0\x80\0\x06  W4J1")
    assert block_device(Path("/dev/sda"), "8:0", kernel.sys, kernel.proc).serial == "W4J1"
    card = kernel.device("mmc_host/mmc0/mmc0:1/block/mmcblk0", "179:0")
    kernel.put(card / "device/name", "SD64G")
    kernel.put(card / "device/serial", "0x1a2b")
    assert block_device(Path("/dev/mmcblk0"), "179:0", kernel.sys, kernel.proc).name == "SD64G 0x1a2b"


def test_a_partition_names_its_disk(kernel: Kernel) -> None:
    found = block_device(Path("/dev/sdb1"), "8:17", kernel.sys, kernel.proc)
    assert (found.kind, found.disk) == (PARTITION, "/dev/sdb")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("8:17 / /media/my\\040stick rw - ext4 /dev/sdb1 rw", "sdb1 is mounted on /media/my stick"),
        ("8:16 / / rw - vfat /dev/sdb rw", "sdb is mounted on /"),
        ("0:45 /@ / rw - btrfs /dev/sdb1 rw", "sdb1 is mounted on /"),
    ],
)
def test_a_mounted_disk_is_in_use(kernel: Kernel, line: str, said: str) -> None:
    kernel.mounted(line, "8:1 / /other rw - ext4 /dev/sda1 rw")
    assert sdb(kernel).users == (said,)


def test_swap_and_what_is_built_on_a_partition_are_uses(kernel: Kernel) -> None:
    (kernel.proc / "swaps").write_text("Filename Type Size Used Priority\n/dev/sdb1 partition 1 0 -2\n")
    (kernel.part / "holders/dm-0").mkdir()
    kernel.put(kernel.part / "holders/dm-0/dm/name", "vault")
    kernel.put(kernel.sys / "class/block/loop7/loop/backing_file", "/dev/sdb1")
    assert sdb(kernel).users == ("sdb1 is swap space", "sdb1 is a part of vault", "sdb1 is behind loop7")


def test_a_path_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(NoDeviceError, match=r"sdz: No such file or directory; nothing was written"):
        describe(tmp_path / "sdz")
    assert list(tmp_path.iterdir()) == []


def test_a_file_and_what_is_none(tmp_path: Path, kernel: Kernel) -> None:
    (tmp_path / "disk.img").write_bytes(b"x" * 10)
    found = describe(tmp_path / "disk.img", kernel.sys, kernel.proc)
    assert (found.kind, found.size, found.name) == (FILE, 10, "disk.img")
    kernel.put(kernel.sys / "class/block/loop0/loop/backing_file", str(tmp_path / "disk.img"))
    assert describe(tmp_path / "disk.img", kernel.sys, kernel.proc).users == ("disk.img is behind loop0",)
    assert describe(tmp_path).kind == OTHER
    assert describe(Path("/dev/null")).kind == OTHER
