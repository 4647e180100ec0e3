"""`callisto verify` for updates."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from appliance import cli
from appliance.commands import verify
from appliance.config import Config
from firmware.update import keyfile, verity
from tests.firmware import signing
from tests.firmware.signing import Keys
from tests.firmware.update.bundles import SYSTEM, assembled, made, manifest, payload, signed

CONTENT = payload(40)
SLOT = payload(30, seed=9)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return signing.make(tmp_path_factory.mktemp("keys"))


def system(path: Path, keys: Keys) -> Path:
    """One that says what it would write to a slot."""
    found, tree = verity.made(io.BytesIO(CONTENT), len(CONTENT), b"\5" * 32)
    image = {"sha256": hashlib.sha256(SLOT).hexdigest(), "size": str(len(SLOT)), "filename": "rootfs.img"}
    groups = {**keyfile.read(manifest(SYSTEM, found).encode()), "image.rootfs": image}
    path.write_bytes(assembled(CONTENT, tree, signed(keyfile.written(groups), keys)))
    return path


def test_an_update_says_what_it_is_and_is_verified(tmp_path: Path, keys: Keys, capsys) -> None:
    path = made(tmp_path / "new.raucb", keys, CONTENT)
    assert cli.main(["verify", str(path), "--keyring", str(keys.ca)]) == 0
    said = capsys.readouterr().out
    assert "Update  application 1.4.0 of 2026-11-23 04:30 UTC for callisto-app-x86_64" in said
    assert "signed by CN=Test releases" in said
    assert "verifying     100 %" in said
    assert said.endswith("as it was signed\n")


def test_one_that_was_changed_is_not(tmp_path: Path, keys: Keys, capsys) -> None:
    path = made(tmp_path / "new.raucb", keys, CONTENT)
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1
    path.write_bytes(raw)
    assert verify.check(path, None, keyring=keys.ca) == 1
    told = capsys.readouterr()
    assert "not what was signed" in told.err
    assert "NOT as it was signed" in told.out


def test_a_slot_holds_the_update_or_another(tmp_path: Path, keys: Keys, capsys) -> None:
    path = system(tmp_path / "system.raucb", keys)
    slot = tmp_path / "slot"
    slot.write_bytes(SLOT + b"what was there before")
    assert verify.check(path, slot, keyring=keys.ca) == 0
    assert "the same" in capsys.readouterr().out
    slot.write_bytes(SLOT[:-1])
    assert verify.check(path, slot, keyring=keys.ca) == 1
    assert "does not hold it" in capsys.readouterr().err
    assert verify.check(path, tmp_path / "none", keyring=keys.ca) == 1
    alone = made(tmp_path / "new.raucb", keys, CONTENT)
    assert verify.check(alone, slot, keyring=keys.ca) == 1


def test_all_that_lie_here(tmp_path: Path, keys: Keys, capsys) -> None:
    config = Config.load({"CALLISTO_STATE": str(tmp_path / "state")}, tmp_path)
    there = tmp_path / verify.APPLICATIONS
    assert verify.check_all(config, keyring=keys.ca, root=tmp_path) == 0
    assert "There are no updates" in capsys.readouterr().out
    folder = config.state / "updates"
    folder.mkdir(parents=True)
    there.mkdir(parents=True)
    made(folder / "a.raucb", keys, CONTENT)
    made(there / "b.raucb", keys, CONTENT)
    assert verify.check_all(config, keyring=keys.ca, root=tmp_path) == 0
    assert "all as they were signed" in capsys.readouterr().out
    (folder / "c.raucb").write_bytes(b"no update")
    assert verify.check_all(config, keyring=keys.ca, root=tmp_path) == 1
    assert "1 of 3 are NOT" in capsys.readouterr().out


@pytest.fixture
def booted(tmp_path: Path) -> Path:
    """The files of a machine that runs SYSTEM from slot B; its update is on the shelf of `state`."""
    root = tmp_path / "root"
    for name, text in {
        "proc/cmdline": "ro quiet rauc.slot=B\n",
        "usr/lib/os-release": f'IMAGE_VERSION="{SYSTEM.version}"\nVARIANT_ID={SYSTEM.kernel}\n',
    }.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    (root / "dev/callisto").mkdir(parents=True)
    (root / "dev/callisto/rootfs-b").write_bytes(SLOT + b"what was there before")
    (tmp_path / "state/updates").mkdir(parents=True)
    return root


def test_the_system_that_runs_is_compared_with_the_update_it_came_from(
    tmp_path: Path, keys: Keys, booted: Path, capsys
) -> None:
    config = Config.load({"CALLISTO_STATE": str(tmp_path / "state")}, tmp_path)
    system(config.state / "updates/system.raucb", keys)
    assert verify.check_all(config, keyring=keys.ca, root=booted) == 0
    assert "rootfs-b: the same" in capsys.readouterr().out
    slot = booted / "dev/callisto/rootfs-b"
    slot.write_bytes(b"\1" + SLOT[1:])
    assert verify.check_all(config, keyring=keys.ca, root=booted) == 1
    told = capsys.readouterr()
    assert "does not hold it" in told.err
    assert "Slot    B: NOT known to be as it was signed" in told.out
    slot.unlink()
    assert verify.check_all(config, keyring=keys.ca, root=booted) == 1
    assert "for root" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["0.0.1", ""])
def test_without_the_update_it_came_from_it_says_how_to_compare_it(
    tmp_path: Path, keys: Keys, booted: Path, version: str, capsys
) -> None:
    config = Config.load({"CALLISTO_STATE": str(tmp_path / "state")}, tmp_path)
    if version:
        system(config.state / "updates/system.raucb", keys)
    (booted / "usr/lib/os-release").write_text(f"IMAGE_VERSION={version}\nVARIANT_ID={SYSTEM.kernel}\n")
    assert verify.check_all(config, keyring=keys.ca, root=booted) == 0
    said = capsys.readouterr().out
    assert "is not on this machine" in said
    assert "callisto verify IMAGE DISK" in said


def test_an_image_needs_its_disk(tmp_path: Path, capsys) -> None:
    assert cli.main(["verify", str(tmp_path / "x.img")]) == 2
    assert "which disk" in capsys.readouterr().err
