"""An administrator sets up where backups go, tries it, and has one carried there on a plan's terms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from appliance.demo.local import LocalAppliance
from tests import needs
from tests.journeys.telnet_admin import PROMPT, TelnetAdmin

SECRET = "a sentence that nobody knows"


def test_a_backup_on_another_disk(appliance: Callable[..., LocalAppliance], tmp_path: Path) -> None:
    needs.pjsua2()
    disk = tmp_path / "disk"
    one = appliance()
    one.start()
    with TelnetAdmin(one.telnet_port) as admin:
        admin.login("admin", one.password)
        admin.command("trace start")
        assert "still needs folder" in admin.command("target add nas directory")
        admin.command(f"target set nas folder {disk}")
        assert "there is no folder" in admin.command("target test nas")
        disk.mkdir()
        assert "Backups can be carried to nas." in admin.command("target test nas")
        admin.command("target set nas schedule 127,02:30")
        admin.type("target set nas password")
        for prompt in ("Enter for none: ", "Once more: "):
            admin.read_to(prompt)
            admin.type(SECRET)
        assert "password is set" in admin.read_to(PROMPT)
        admin.type("backup plain to nas")
        said = admin.read_to(PROMPT)
        assert "is good (with a password)." in said
        assert "it is on nas" in said
        (file,) = disk.iterdir()
        assert file.name in admin.command("target backups nas")
        assert "password of the archives: set" in admin.command("show targets")
        assert "backup to nas" in admin.command("show jobs")
        seen = admin.command("show audit") + admin.command("show targets | json")
        admin.command("trace stop")
        assert SECRET not in seen
        assert "password changed" in seen
    for trace in (one.state / "traces").glob("*.jsonl"):
        assert SECRET not in trace.read_text()
    one.stop()
