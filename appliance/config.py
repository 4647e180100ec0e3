"""What can be set when the appliance starts: one table, one TOML file, one environment variable each.

The environment wins over the file. Whatever is wrong is one line that names the setting, what was wrong and
what would be right (`ConfigError`); nothing starts on half a configuration.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from appliance import config_values as values
from appliance import peers_config
from appliance.config_values import nearest, without_password
from appliance.services.leash import PARENT
from router.model import Peer

FILE = "callisto.toml"
PREFIX = "CALLISTO_"
CONFIG = "CALLISTO_CONFIG"
PASSWORD = "CALLISTO_ADMIN_PASSWORD"
LOOPBACK = ("127.0.0.0/8",)
PRIVATE = (*LOOPBACK, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
"""RFC 1918 and RFC 3927: the networks of offices."""


class ConfigError(Exception):
    """The configuration is refused; the text is one line for people, whatever was in the input."""

    def __init__(self, text: str) -> None:
        super().__init__("".join(char if char.isprintable() else " " for char in text))


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set. `parse` takes text or a TOML value; a ValueError from it means refused."""

    key: str
    parse: Callable[[object], Any]
    default: Any
    expected: str

    @property
    def variable(self) -> str:
        return PREFIX + self.key.upper()

    @property
    def is_path(self) -> bool:
        return self.parse in (values.path, values.path_or_none)


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
        file = _file(env, folder)
        given = _read(file) if file else {}
        _refuse_unknown(given, file)
        found = {setting.key: _value(setting, given, env, file) for setting in SETTINGS}
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
        _refuse_shared_ports(found)
        _refuse_closed_shell(found)
        _refuse_half_tls(found)
        try:
            peers = peers_config.read(given, env, file, folder)
        except peers_config.PeersError as exc:
            raise ConfigError(str(exc)) from exc
        config = Config(**found, peers=peers.peers, admin_password=env.get(PASSWORD) or None, file=file)
        warnings = (
            *_unknown_variables(env, peers.passwords),
            *peers.warnings,
            *_deaf(config),
            *_open(config),
        )
        return replace(config, warnings=warnings)

    def environment(self) -> dict[str, str]:
        """All settings as variables, for a child process: it reads no file, so that a file being edited
        cannot keep a crashed service down. The passwords of `admin` and of the peers are left out: the
        router has those in its table."""
        variables = {setting.variable: _text(getattr(self, setting.key)) for setting in SETTINGS}
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


_PORT = "a whole number from 1 to 65535"
_PEM = "a PEM file"
_DAYS = "a whole number of days to 36500; 0 for ever"
_PORT_OR_OFF = f'{_PORT}, or "off"'
SETTINGS: tuple[Setting, ...] = (
    Setting(
        "listen",
        values.listen,
        "127.0.0.1",
        'an IPv4 address of this machine, such as "127.0.0.1" or "0.0.0.0"',
    ),
    Setting("telnet_port", values.port_or_off, 2323, _PORT_OR_OFF),
    Setting("telnets_port", values.port_or_off, 9923, f"{_PORT_OR_OFF} (Telnet over TLS)"),
    Setting("telnet_networks", values.networks, None, 'networks such as "10.1.0.0/16", or "any"'),
    Setting("telnet_tls_certificate", values.path_or_none, "", f"{_PEM} with the certificate and its chain"),
    Setting("telnet_tls_key", values.path_or_none, "", f"{_PEM} with the key of telnet_tls_certificate"),
    Setting(
        "telnet_idle_minutes", values.whole(0, 1440), 15, "a whole number of minutes to 1440; 0 for never"
    ),
    Setting("telnet_banner", values.banner, "", f"a text of at most {values.LONGEST_BANNER} bytes"),
    Setting("telnet_banner_file", values.path_or_none, "", "a UTF-8 text file, instead of telnet_banner"),
    Setting("sip_port", values.port, 5060, f"{_PORT} (UDP and TCP)"),
    Setting("sips_port", values.port, 5061, f"{_PORT} (TLS)"),
    Setting("media_port", values.port, 5064, f"{_PORT} (UDP, on 127.0.0.1 only)"),
    Setting(
        "rtp_ports",
        values.ports,
        range(16384, 18384),
        f"two ports from 1024 with a hyphen, the first one even, for at least {values.FEWEST_PORTS} ports, "
        'such as "16384-18383"',
    ),
    Setting("web_port", values.port, 8080, _PORT),
    Setting("web_tls_port", values.port_or_off, 0, f"{_PORT_OR_OFF} (HTTPS)"),
    Setting("web_tls_certificate", values.path_or_none, "", f"{_PEM} with the certificate and its chain"),
    Setting("web_tls_key", values.path_or_none, "", f"{_PEM} with the key of web_tls_certificate"),
    Setting("state", values.path, "var", "a directory whose parent exists"),
    Setting(
        "store_url",
        values.store_url,
        "",
        "sqlite:////path/to/file.db or postgresql://user:password@host/database",
    ),
    Setting("journal_dir", values.path_or_none, "", "a directory, on another disk than the store at best"),
    Setting("edition", values.one_of(*values.EDITIONS), "ucm", f"one of {', '.join(values.EDITIONS)}"),
    Setting("networks", values.networks, None, 'networks such as "10.1.0.0/16", or "any"'),
    Setting("tls_certificate", values.path_or_none, "", f"{_PEM} with the certificate and its chain"),
    Setting("tls_key", values.path_or_none, "", f"{_PEM} with the key of tls_certificate"),
    Setting("tls_ca", values.path_or_none, "", f"{_PEM} with the authorities that peers are checked by"),
    Setting("memory_limit_mb", values.whole(0, 1 << 20), 512, "a whole number of MB; 0 for no limit"),
    Setting("keep_calls_days", values.whole(0, 36500), 1095, _DAYS),
    Setting("keep_audit_days", values.whole(0, 36500), 1095, _DAYS),
    Setting("keep_jobs_days", values.whole(0, 36500), 365, _DAYS),
    Setting("keep_backups", values.whole(1, 1000), 3, "a whole number of backups to 1000, at least 1"),
    Setting("clock", values.one_of("bare", "timedated"), "bare", "bare or timedated"),
    Setting("services", values.one_of("children", "systemd"), "children", "children or systemd"),
)
_KEYS = [*(setting.key for setting in SETTINGS), peers_config.SHORT, peers_config.TABLE]


def _file(env: Mapping[str, str], folder: Path) -> Path | None:
    if CONFIG in env:
        if not env[CONFIG]:
            return None
        file = folder / env[CONFIG]
        if not file.is_file():
            raise ConfigError(f"{CONFIG}: there is no file {file}; name an existing one, or unset {CONFIG}")
        return file
    file = folder / FILE
    return file if file.exists() else None


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_bytes().decode())
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ConfigError(f"{file}:{line}: not UTF-8 text; save the file as UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(_toml_problem(file, str(exc))) from exc


def _toml_problem(file: Path, text: str) -> str:
    where = re.search(r" \(at line (\d+), column (\d+)\)$", text)
    right = "each line is a key, an equals sign and a value, such as telnet_port = 2323"
    if where:
        return f"{file}:{where[1]}:{where[2]}: not valid TOML: {text[: where.start()]}; {right}"
    lines = file.read_bytes().split(b"\n")
    problem = text.removesuffix(" (at end of document)")
    return (
        f"{file}:{len(lines)}:{len(lines[-1]) + 1}: not valid TOML: {problem} at the end of the file; {right}"
    )


def _refuse_unknown(given: Mapping[str, object], file: Path | None) -> None:
    for key in given:
        if key == "admin_password":
            raise ConfigError(
                f"{file}: admin_password: no password belongs in this file; set {PASSWORD} in the environment"
            )
        if key not in _KEYS:
            raise ConfigError(f"{file}: {key}: there is no such setting; {nearest(key, _KEYS)}")


def _value(setting: Setting, given: Mapping[str, object], env: Mapping[str, str], file: Path | None) -> Any:
    if setting.variable in env:
        where: str = setting.variable
        value: object = env[setting.variable]
    elif setting.key in given:
        where, value = f"{file}: {setting.key}", given[setting.key]
    else:
        return setting.default
    try:
        return setting.parse(value)
    except ValueError as exc:
        shown = f'"{without_password(value)}"' if isinstance(value, str) else repr(value)
        raise ConfigError(f"{where}: {shown} is refused; right would be {setting.expected}") from exc


def _refuse_shared_ports(found: Mapping[str, Any]) -> None:
    seen: dict[int, str] = {}
    tls = ("sips_port",) if found["tls_certificate"] else ()
    keys = ("telnet_port", "telnets_port", "sip_port", *tls, "media_port", "web_port", "web_tls_port")
    for key in keys:
        if not found[key]:
            continue
        other = seen.setdefault(found[key], key)
        if other != key:
            raise ConfigError(f"{key}: {found[key]} is the {other} too; give each service a port of its own")


def _refuse_closed_shell(found: Mapping[str, Any]) -> None:
    if not found["telnet_port"] and not found["telnets_port"]:
        raise ConfigError("telnet_port: it is off, and telnets_port is too; one of them has to be open")
    if not found["telnet_networks"]:
        raise ConfigError('telnet_networks: nobody could log in; name networks such as "10.1.0.0/16"')
    if found["telnet_banner"] and found["telnet_banner_file"]:
        raise ConfigError("telnet_banner_file: telnet_banner is set too; set one of them")


def _refuse_half_tls(found: Mapping[str, Any]) -> None:
    pairs = (
        ("tls_certificate", "tls_key"),
        ("telnet_tls_certificate", "telnet_tls_key"),
        ("web_tls_certificate", "web_tls_key"),
    )
    for key, other in (*pairs, *((key, certificate) for certificate, key in pairs)):
        if found[key] and not found[other]:
            raise ConfigError(f"{other}: it is missing, but {key} is set; set both, or none for no TLS")


def _unknown_variables(env: Mapping[str, str], passwords: tuple[str, ...]) -> tuple[str, ...]:
    settings = [setting.variable for setting in SETTINGS]
    known = {
        CONFIG,
        PASSWORD,
        PARENT,
        peers_config.VARIABLE,
        peers_config.SHORT_VARIABLE,
        *settings,
        *passwords,
    }
    unknown = sorted(name for name in env if name.startswith(PREFIX) and name not in known)
    return tuple(
        f"{name} in the environment means nothing here; {nearest(name, sorted(known))}" for name in unknown
    )


def _deaf(config: Config) -> tuple[str, ...]:
    if config.peers or config.networks:
        return ()
    return ("networks: calls are taken from nobody; name networks, or peers",)


def _open(config: Config) -> tuple[str, ...]:
    """Passwords would go in the clear through networks that are not ours."""
    if values.ANY not in config.telnet_networks or not config.telnet_port:
        return ()
    if ip_address(config.listen).is_loopback:
        return ()
    right = 'name networks, or set telnet_port = "off" and use Telnet over TLS'
    return (f"telnet_networks: anybody may connect to the plain Telnet port, unencrypted; {right}",)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case tuple():
            return ",".join(value)
        case range():
            return f"{value.start}-{value.stop - 1}"
    return str(value)
