"""What the kernel tells of disks, as a folder."""

from __future__ import annotations

from pathlib import Path


class Kernel:
    """`sys` and `proc` of a machine with one disk, 8:16, and its partition 8:17."""

    def __init__(self, folder: Path) -> None:
        self.sys, self.proc = folder / "sys", folder / "proc"
        (self.proc / "self").mkdir(parents=True)
        (self.sys / "dev/block").mkdir(parents=True)
        (self.sys / "class/block").mkdir(parents=True)
        self.mounted("0:23 / /proc rw - proc proc rw")
        self.disk = self.device("usb1/1-1/host6/target6:0:0/6:0:0:0/block/sdb", "8:16")
        self.put(self.disk / "device/model", "Ultra Fit        ")
        self.put(self.disk / "device/vendor", "SanDisk ")
        self.put(self.disk / "queue/logical_block_size", "512")
        self.put(self.disk / "ro", "0")
        self.usb = self.sys / "devices/pci0/usb1/1-1"
        self.put(self.usb / "idVendor", "0781")
        self.put(self.usb / "serial", "4C530001")
        self.part = self.device("usb1/1-1/host6/target6:0:0/6:0:0:0/block/sdb/sdb1", "8:17")
        self.put(self.part / "partition", "1")

    def device(self, path: str, number: str, size: int = 32 << 20) -> Path:
        folder = self.sys / "devices/pci0" / path
        self.put(folder / "size", str(size // 512))
        self.put(folder / "dev", number)
        (self.sys / "dev/block" / number).symlink_to(folder)
        (self.sys / "class/block" / folder.name).symlink_to(folder)
        (folder / "holders").mkdir()
        return folder

    def put(self, file: Path, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def mounted(self, *lines: str) -> None:
        text = "".join(f"{number} 1 {line}\n" for number, line in enumerate(lines, 30))
        (self.proc / "self/mountinfo").write_text(text)
