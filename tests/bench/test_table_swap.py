from __future__ import annotations

from pathlib import Path

import pytest

from appliance import routing_file
from appliance.routing_file import RoutingFile
from db.stores.routing import routing_table
from router.table import encode
from tests.bench import table_swap
from tests.bench.table_swap import Size

SMALL = Size(groups=20, members=3, vip=2, contacts=120)


def test_a_small_office_runs_through_the_whole_bench(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "routing.json"
    routing_file.write(path, encode(routing_table(table_swap.office(SMALL), table_swap.VARIABLES, 1)))
    table = RoutingFile(path).look()
    assert table
    assert len(table.groups) == SMALL.groups
    assert len(table.contacts) == 2 * SMALL.contacts
    warm, cold = table_swap.decisions(table, SMALL)
    assert 0 < warm[0] <= warm[1] <= warm[2]
    assert cold[0] > 0
    assert table_swap.swaps(path, SMALL, 2) > 0
    said = capsys.readouterr().out
    assert "the first for a group: p50" in said
    assert "router: 2 tables of 0.0 MB" in said


async def test_the_supervisors_side_publishes_the_office(tmp_path: Path) -> None:
    assert await table_swap.publish(tmp_path / "callisto.db", SMALL) > 0
    table = RoutingFile(tmp_path / "routing.json").look()
    assert table
    assert len(table.groups) == SMALL.groups
