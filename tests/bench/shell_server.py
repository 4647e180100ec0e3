"""The shell's Telnet server alone, in a process of its own: `python -P -m tests.bench.shell_server FOLDER`.

Passwords and the audit trail are real ones, in a store in FOLDER; fakes play the rest of the appliance. It
says its port in one line, and serves until its standard input ends. The limits of sessions are far away.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from db.store import Store, prepare
from shell.store_ports import StoreAudit, StoreLogin
from shell.telnet.limits import Limits
from shell.telnet.server import start
from tests.fakes.shell_ports import Office

USER, PASSWORD = "admin", "a good password"
CROWD = 1000
LIMITS = Limits(
    sessions=CROWD, per_address=CROWD, unauthenticated=CROWD, rich=CROWD, negotiation_s=0.2, login_s=600.0
)


async def main(folder: Path, limits: Limits) -> None:
    url = f"sqlite:///{folder / 'store.db'}"
    prepare(url)
    store = Store.open(url)
    store.accounts.ensure_admin(PASSWORD)
    login = StoreLogin(store)
    services = replace(Office().services(), login=login, audit=StoreAudit(store))
    server = await start("127.0.0.1", 0, services, limits)
    print(server.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.close()
    login.close()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), LIMITS))
