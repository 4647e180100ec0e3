"""What can be set when the appliance starts: one table, one TOML file, one environment variable each.

The environment wins over the file. Whatever is wrong is one line that names the setting, what was wrong and
what would be right (`ConfigError`); nothing starts on half a configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

from appliance import config_rules, peers_config
from appliance.config_given import CONFIG, PASSWORD, file_of, read, refuse_unknown, unknown_variables, value
from appliance.config_settings import LOOPBACK, PRIVATE, SETTINGS, ConfigError, text
from appliance.config_values import without_password
from router.model import Peer


@dataclass(frozen=True, slots=True)
class Config:
    """The resolved settings. Paths are absolute; `admin_password` is meant for the first start alone.

    `peers`: the PBXes; their hosts may still be names. `networks`: from where calls are taken besides them.
    `telnet_port`, `telnets_port`: 0 is closed. `telnet_networks`: from where administrators may connect.
    `telnet_tls_certificate` None: one is made. `clock`: whether this machine's clock is ours to set
    ("timedated") or not ("bare"). `services`: whether they are child processes or units of systemd.
    `memory_limit_mb`: of router and media server each, 0 for none (docs/decisions/0009). `keep_…_days`: what
    is older is deleted when the store is compacted; 0: nothing. `keep_backups`: on this machine.
    """

    listen: str
    telnet_port: int
    telnets_port: int
    telnet_networks: tuple[str, ...]
    telnet_tls_certificate: Path | None
    telnet_tls_key: Path | None
    telnet_idle_minutes: int
    telnet_banner: str
    telnet_banner_file: Path | None
    sip_port: int
    sips_port: int
    media_port: int
    rtp_ports: range
    web_port: int
    web_tls_port: int
    web_tls_certificate: Path | None
    web_tls_key: Path | None
    state: Path
    store_url: str = field(repr=False)
    journal_dir: Path
    edition: str
    networks: tuple[str, ...]
    tls_certificate: Path | None
    tls_key: Path | None
    tls_ca: Path | None
    memory_limit_mb: int = 512
    keep_calls_days: int = 1095
    keep_audit_days: int = 1095
    keep_jobs_days: int = 365
    keep_backups: int = 3
    clock: str = "bare"
    services: str = "children"
    peers: tuple[Peer, ...] = ()
    admin_password: str | None = field(default=None, repr=False)
    file: Path | None = None
    warnings: tuple[str, ...] = ()

    @staticmethod
    def load(env: Mapping[str, str], folder: Path) -> Config:
        """Read `callisto.toml` in `folder` (or the file CALLISTO_CONFIG names) and `env`. Raises ConfigError.

        A relative path in the file is meant from the file's folder, one in the environment from `folder`.
        CALLISTO_CONFIG set and empty: no file is read.
        """
        file = file_of(env, folder)
        given = read(file) if file else {}
        refuse_unknown(given, file)
        found = {setting.key: value(setting, given, env, file) for setting in SETTINGS}
        for setting in (one for one in SETTINGS if one.is_path):
            from_file = file and setting.key in given and setting.variable not in env
            base = file.parent if file and from_file else folder
            found[setting.key] = (base / found[setting.key]).absolute() if found[setting.key] else None
        found["store_url"] = found["store_url"] or f"sqlite:///{found['state']}/callisto.db"
        found["journal_dir"] = found["journal_dir"] or found["state"] / "journal"
        if found["networks"] is None:
            found["networks"] = LOOPBACK if ip_address(found["listen"]).is_loopback else ()
        if found["telnet_networks"] is None:
            found["telnet_networks"] = LOOPBACK if ip_address(found["listen"]).is_loopback else PRIVATE
        config_rules.refuse(found)
        try:
            peers = peers_config.read(given, env, file, folder)
        except peers_config.PeersError as exc:
            raise ConfigError(str(exc)) from exc
        config = Config(**found, peers=peers.peers, admin_password=env.get(PASSWORD) or None, file=file)
        warnings = (
            *unknown_variables(env, peers.passwords),
            *peers.warnings,
            *config_rules.warnings(config),
        )
        return replace(config, warnings=warnings)

    def environment(self) -> dict[str, str]:
        """All settings as variables, for a child process: it reads no file, so that a file being edited
        cannot keep a crashed service down. The passwords of `admin` and of the peers are left out: the
        router has those in its table."""
        variables = {setting.variable: text(getattr(self, setting.key)) for setting in SETTINGS}
        return {CONFIG: "", **variables, peers_config.VARIABLE: peers_config.line(self.peers)}

    @property
    def tls(self) -> bool:
        """Whether there is a certificate to take calls over TLS with."""
        return self.tls_certificate is not None

    @property
    def telnet_certificate(self) -> tuple[Path, Path]:
        """Certificate and key of Telnet over TLS, supplied or to be made."""
        if self.telnet_tls_certificate and self.telnet_tls_key:
            return self.telnet_tls_certificate, self.telnet_tls_key
        return self.state / "tls" / "telnet.crt", self.state / "tls" / "telnet.key"

    @property
    def web_certificate(self) -> tuple[Path, Path]:
        """Certificate and key of the web service, supplied or to be made."""
        if self.web_tls_certificate and self.web_tls_key:
            return self.web_tls_certificate, self.web_tls_key
        return self.state / "tls" / "web.crt", self.state / "tls" / "web.key"

    @property
    def store_url_shown(self) -> str:
        """The store's URL for people: without a password."""
        return without_password(self.store_url)

    @property
    def routing_file(self) -> Path:
        return self.state / "routing.json"

    @property
    def announcements(self) -> Path:
        """The folder of the WAV files that groups name."""
        return self.state / "announcements"

    @property
    def spool(self) -> Path:
        return self.state / "spool"

    @property
    def announcement_copies(self) -> Path:
        """The media server's own folder, for what it plays."""
        return self.state / "run" / "announcements"

    @property
    def known_admins(self) -> Path:
        """Who may log in while the store cannot be read."""
        return self.state / "admins.json"

    @property
    def snapshots(self) -> Path:
        """Of the store, which its journal goes on from: with the journal, so that losing the store's disk
        costs neither."""
        return self.journal_dir / "snapshots"

    @property
    def backups(self) -> Path:
        """Backups that stay on this machine."""
        return self.state / "backups"

    @property
    def first_password(self) -> Path:
        """The one that has to be changed; there is none where somebody reads what we print."""
        return self.state / "first-password"

    @property
    def repairs(self) -> Path:
        """The present repair of the store, and the reports of those before."""
        return self.state / "repair"

    @property
    def uploads(self) -> Path:
        """The backup that came through the browser, for a restore."""
        return self.state / "uploads"

    @property
    def updates(self) -> Path:
        """Bundles that were verified, and what is known of installing them."""
        return self.state / "updates"

    @property
    def restores(self) -> Path:
        """The present restore of a backup, or the last one."""
        return self.state / "restore"

    @property
    def run_folder(self) -> Path:
        return self.state / "run"

    @property
    def control_socket(self) -> Path:
        return self.run_folder / "control.sock"
