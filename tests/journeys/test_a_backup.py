"""An administrator makes a backup while the appliance runs; another program opens it, and nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from appliance.demo.local import LocalAppliance
from tests import needs
from tests.journeys.telnet_admin import PROMPT, TelnetAdmin

SECRET = "Geheimnis: 4711 gruene Frösche"


def test_a_backup_with_a_password(appliance: Callable[..., LocalAppliance], tmp_path: Path) -> None:
    needs.pjsua2()
    seven = needs.program("7z", "7zip")
    one = appliance()
    one.start()
    (one.state / "announcements").mkdir(exist_ok=True)
    (one.state / "announcements" / "welcome.wav").write_bytes(b"RIFF" * 1000)
    with TelnetAdmin(one.telnet_port) as admin:
        admin.login("admin", one.password)
        admin.command("trace start")
        admin.type("backup")
        admin.read_to("Password of the backup, Enter for none: ")
        admin.type(SECRET)
        admin.read_to("Once more: ")
        admin.type(SECRET)
        said = admin.read_to(PROMPT)
        assert "is good (with a password)." in said
        assert "read back and restored on trial" in said
        assert SECRET not in said
        assert "callisto-" in admin.command("show backups")
        assert "is good" in admin.command("backup status")
        noted = admin.command("show audit")
        admin.command("trace stop")
    assert "backup" in noted
    (file,) = (one.state / "backups").glob("*.zip")
    done = subprocess.run(
        [seven, "x", f"-p{SECRET}", f"-o{tmp_path / 'out'}", str(file)],
        env={**os.environ, "LC_ALL": "C.UTF-8"}, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "out" / "store.db").read_bytes().startswith(b"SQLite format 3")
    assert len(list((tmp_path / "out" / "media").iterdir())) >= 1
    one.stop()
    texts = [one.log, *(each for each in one.state.rglob("*") if each.is_file() and each.suffix != ".zip")]
    for each in texts:
        assert SECRET.encode() not in each.read_bytes(), each
