"""Updates that are fetched from where backups go: a folder, and a server that really speaks SFTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.carrying import Carrying
from appliance.plans import Plans
from appliance.store_keeper import StoreKeeper
from appliance.updating.shelf import VERIFIED, Shelf
from db.store import Store
from db.variables.states import Actor
from firmware.update.errors import BundleError
from shell.update_ports import UpdateRefusedError
from tests.contracts.test_backup import configured, opened
from tests.fakes.file_servers import sshd
from tests.firmware import signing
from tests.firmware.update.bundles import made, payload

ANNA = Actor("anna", "192.0.2.1:4711", "telnet")
NAME = "callisto-1.4.0.app.raucb"


@dataclass
class Way:
    """`folder`: what the target gives access to; `target`: how it is set up."""

    kind: str
    folder: Path
    target: dict[str, str]


@contextmanager
def _directory(tmp_path: Path) -> Iterator[Way]:
    folder = tmp_path / "disk"
    folder.mkdir()
    yield Way("directory", folder, {"folder": str(folder)})


@contextmanager
def _sftp(_: Path) -> Iterator[Way]:
    with sshd() as server:
        settings = {
            "host": "127.0.0.1", "port": str(server.port), "user": "root", "secret": server.secret,
            "folder": str(server.folder),
        }  # fmt: skip
        yield Way("sftp", server.folder, settings)


@pytest.fixture(params=[_directory, _sftp], ids=["directory", "sftp"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    with request.param(tmp_path) as found:
        yield found


@dataclass
class House:
    """`told`: what was said of the progress."""

    way: Way
    carrying: Carrying
    shelf: Shelf
    shelved: Path
    keys: signing.Keys
    told: list[tuple[str, int]]

    async def bring(self, name: str = NAME) -> None:
        await self.carrying.bring(
            "nas", name, self.shelf, lambda doing, percent: self.told.append((doing, percent))
        )

    def left(self) -> list[str]:
        return sorted(each.name for each in self.shelved.glob("*") if each.name != VERIFIED)


@pytest.fixture
async def house(tmp_path: Path, way: Way) -> AsyncIterator[House]:
    config = configured(tmp_path)
    keeper: StoreKeeper = await opened(config)

    def make(store: Store) -> None:
        store.targets.add("nas", way.kind, ANNA)
        for word, text in way.target.items():
            store.targets.set("nas", word, text, ANNA)

    await keeper.do(make)
    carrying = Carrying(keeper, _Backups(), Plans(None, None))  # type: ignore[arg-type]
    keys = signing.make(tmp_path / "keys")
    shelved = tmp_path / "updates"
    yield House(way, carrying, Shelf(shelved, keys.ca), shelved, keys, [])
    await carrying.close()
    keeper.close()


class _Backups:
    """Nothing is backed up here."""


async def test_one_is_fetched_verified_wholly_and_kept(house: House) -> None:
    made(house.way.folder / NAME, house.keys, payload(300))
    await house.bring()
    assert house.left() == [NAME]
    assert (house.shelved / NAME).read_bytes() == (house.way.folder / NAME).read_bytes()
    assert [each.sheet.version for each in house.shelf.listed() if each.sheet] == ["1.4.0"]
    assert next(doing for doing, _ in house.told) == "fetches it"
    percents = [percent for _, percent in house.told]
    assert percents == sorted(percents)
    assert "verifies every byte" in {doing for doing, _ in house.told}


async def test_one_that_was_changed_on_its_way_is_not_kept(house: House) -> None:
    path = made(house.way.folder / NAME, house.keys, payload(300))
    raw = bytearray(path.read_bytes())
    raw[70 * 4096] ^= 1
    path.write_bytes(raw)
    with pytest.raises(BundleError, match="is not what was signed"):
        await house.bring()
    assert house.left() == []


async def test_one_of_somebody_else_is_not_kept(house: House, tmp_path: Path) -> None:
    made(house.way.folder / NAME, signing.make(tmp_path / "others"), payload(3))
    with pytest.raises(BundleError, match="not signed by whom it has to be"):
        await house.bring()
    assert house.left() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("callisto-1.5.0.app.raucb", "1.5.0"),
        ("../callisto.db", "can be no name"),
        ("a.zip", "can be no name"),
    ],
)
async def test_what_is_not_there_or_no_update_is_refused_in_words(house: House, name: str, said: str) -> None:
    with pytest.raises((BundleError, UpdateRefusedError), match=said) as refused:
        await house.bring(name)
    assert refused.value.hint
    assert house.left() == []


async def test_a_target_that_nobody_set_up_is_refused_in_words(house: House) -> None:
    with pytest.raises(UpdateRefusedError, match="disk") as refused:
        await house.carrying.bring("disk", NAME, house.shelf, lambda doing, percent: None)
    assert refused.value.hint
