"""An administrator makes a backup and restores it by the web pages alone, while the appliance runs."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx

from appliance.demo.local import LocalAppliance
from tests.journeys.waiting import eventually

Make = Callable[..., LocalAppliance]
SECRET = "Geheimnis: 4711 gruene Frösche"


class Visitor:
    """Logs in again when he has to, as the login window asks him to."""

    def __init__(self, one: LocalAppliance) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{one.web_port}", timeout=30)
        self._password = one.password

    def get(self, path: str) -> httpx.Response:
        return self._http.get(path, follow_redirects=True)

    def post(self, at: str, path: str, **fields: str) -> httpx.Response:
        key = re.findall(r'name="key" value="([0-9a-f]+)"', self.get(at).text)
        return self._http.post(path, data={"key": key[0], **fields}, follow_redirects=True)

    def log_in(self) -> None:
        assert self.post("/login", "/login", user="admin", password=self._password).status_code == 200

    def shows(self, path: str, words: str) -> bool:
        try:
            return words in self.get(path).text
        except httpx.TransportError:  # it is stopped in the middle of a restore
            return False


def test_a_backup_is_made_fetched_looked_through_and_restored(appliance: Make) -> None:
    one = appliance()
    one.start()
    visitor = Visitor(one)
    visitor.log_in()
    visitor.post("/backup", "/backup", password=SECRET, again=SECRET)
    eventually(lambda: visitor.shows("/backup?look", "is good"), 60)
    [name] = set(re.findall(r"/backup/file/(callisto-[a-z0-9-]+Z\.zip)", visitor.get("/backup").text))
    assert visitor.get(f"/backup/file/{name}").content == (one.state / "backups" / name).read_bytes()
    visitor.post("/backup/restore", "/backup/restore/look", archive=name, password=SECRET)
    eventually(lambda: visitor.shows("/backup/restore?look", "What would change"), 60)
    said = visitor.post("/backup/restore", "/backup/restore/begin", word="restore").text
    assert "is being restored" in said or "restored from" in said
    eventually(lambda: visitor.shows("/backup/restore?runs", "as a restore needs it"), 90)
    visitor.log_in()
    eventually(lambda: visitor.shows("/backup/restore", f"Everything restored from {name}"), 60)
    one.stop()
    for each in (one.log, *(each for each in one.state.rglob("*") if each.is_file())):
        if each.suffix != ".zip":
            assert SECRET.encode() not in each.read_bytes(), each
