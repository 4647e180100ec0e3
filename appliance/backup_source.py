"""What a backup of this appliance is of."""

from __future__ import annotations

from pathlib import Path

from appliance.config import Config
from appliance.config_given import FILE
from db.backup.source import Source
from firmware.release import running

_FILES = {
    "tls_certificate": "tls_certificate.pem",
    "tls_key": "tls_key.pem",
    "tls_ca": "tls_ca.pem",
    "telnet_tls_certificate": "telnet_tls_certificate.pem",
    "telnet_tls_key": "telnet_tls_key.pem",
    "web_tls_certificate": "web_tls_certificate.pem",
    "web_tls_key": "web_tls_key.pem",
    "telnet_banner_file": "telnet_banner.txt",
}
"""Files that the configuration names, by their names in a backup: where they are is of this machine."""


def source_of(config: Config, file: Path | None) -> Source:
    """`file`: the configuration's own. A service knows none, so it is given."""
    named = {name: getattr(config, key) for key, name in _FILES.items() if getattr(config, key)}
    if file is not None:
        named[FILE] = file
    return Source(config.store_url, config.state, config.backups, running().version, named)
