"""The settings: where they come from, which one wins, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Config
from appliance.config_settings import SETTINGS, ConfigError
from appliance.config_values import without_password
from appliance.preflight import banner
from router.model import Peer


def load(folder: Path, text: str | None = None, **env: str) -> Config:
    if text is not None:
        (folder / "callisto.toml").write_text(text)
    return Config.load({f"CALLISTO_{key}": value for key, value in env.items()}, folder)


def refusal(folder: Path, text: str | None = None, **env: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **env)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_nothing_set_gives_the_documented_defaults(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.listen == "127.0.0.1"
    assert (config.telnet_port, config.sip_port, config.web_port) == (2323, 5060, 8080)
    assert config.state == tmp_path / "var"
    assert config.store_url == f"sqlite:///{tmp_path}/var/callisto.db"
    assert (config.edition, config.peers, config.admin_password, config.file) == ("ucm", (), None, None)
    assert (config.networks, config.tls) == (("127.0.0.0/8",), False)
    assert config.warnings == ()


def test_the_file_sets_every_setting(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        'listen = "0.0.0.0"\ntelnet_port = 23\nsip_port = 5070\nweb_port = 80\nstate = "/srv/callisto"\n'
        'store_url = "postgresql://c:secret@db/callisto"\nedition = "one"\n'
        'trunk = "pbx.example:5080;transport=tcp"\n',
    )
    assert (config.listen, config.telnet_port, config.sip_port, config.web_port) == ("0.0.0.0", 23, 5070, 80)
    assert config.state == Path("/srv/callisto")
    assert config.store_url == "postgresql://c:secret@db/callisto"
    assert config.edition == "one"
    assert config.peers == (Peer("pbx", "pbx.example", 5080, "tcp"),)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, "telnet_port = 23\nweb_port = 81\n", TELNET_PORT="2424", ADMIN_PASSWORD="hush")
    assert (config.telnet_port, config.web_port, config.admin_password) == (2424, 81, "hush")


def test_a_path_in_the_file_is_meant_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "c.toml").write_text('state = "data"\n')
    assert load(tmp_path, CONFIG="etc/c.toml").state == tmp_path / "etc" / "data"
    assert load(tmp_path, CONFIG="etc/c.toml", STATE="data").state == tmp_path / "data"


def test_a_named_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    assert "there is no file" in refusal(tmp_path, CONFIG="nowhere.toml")


def test_an_empty_config_variable_means_no_file(tmp_path: Path) -> None:
    assert load(tmp_path, "telnet_port = 23\n", CONFIG="").telnet_port == 2323


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("telnet_prot = 1\n", "did you mean telnet_port?"),
        ("colour = 1\n", "known are listen, telnet_port"),
        ("[telnet]\nport = 1\n", "telnet: there is no such setting"),
        ('admin_password = "x"\n', "CALLISTO_ADMIN_PASSWORD"),
        ("web_port = 0\n", "web_port: 0 is refused; right would be a whole number from 1 to 65535"),
        (
            'telnet_port = "of"\n',
            'telnet_port: "of" is refused; right would be a whole number from 1 to 65535, or "off"',
        ),
        ("telnet_idle_minutes = -1\n", "a whole number of minutes to 1440; 0 for never"),
        ('telnet_networks = ["10.0.0.1/8"]\n', 'networks such as "10.1.0.0/16", or "any"'),
        ("web_port = 65536\n", "web_port: 65536 is refused"),
        ("web_port = true\n", "web_port: True is refused"),
        ("sip_port = 5060.0\n", "sip_port: 5060.0 is refused"),
        ('sip_port = "sip"\n', 'sip_port: "sip" is refused'),
        ("telnet_port = 8080\n", "web_port: 8080 is the telnet_port too"),
        ('edition = "gold"\n', "one of express, ucm, one"),
        ('listen = "localhost"\n', "an IPv4 address of this machine"),
        ("listen = 1\n", "listen: 1 is refused"),
        ('state = ""\n', "a directory whose parent exists"),
        ('store_url = "mysql://h/d"\n', "sqlite:////path/to/file.db or postgresql://"),
        ('store_url = "sqlite://"\n', "sqlite:////path/to/file.db"),
        ('store_url = "sqlite:///:memory:"\n', "sqlite:////path/to/file.db"),
        ('store_url = "postgresql://host"\n', "postgresql://user:password@host/database"),
        ('trunk = "pbx:0"\n', "host[:port][;transport=udp|tcp|tls]"),
        ('trunk = "pbx;transport=sctp"\n', "host[:port][;transport=udp|tcp|tls]"),
        ('trunk = "-pbx"\n', "host[:port][;transport=udp|tcp|tls]"),
        ('trunk = "a b"\n', "host[:port][;transport=udp|tcp|tls]"),
        ('trunk = "a\\nb"\n', "host[:port][;transport=udp|tcp|tls]"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_right(tmp_path: Path, text: str, told: str) -> None:
    message = refusal(tmp_path, text)
    assert "callisto.toml: " in message or "too; give each" in message
    assert told in message


def test_a_wrong_variable_is_named_as_such(tmp_path: Path) -> None:
    assert refusal(tmp_path, TELNET_PORT="many").startswith('CALLISTO_TELNET_PORT: "many" is refused')


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("telnet_port 23\n", "callisto.toml:1:13: not valid TOML"),
        ("web_port = 80\ntelnet_port = \n", "callisto.toml:2:15: not valid TOML"),
        ('a = """x', "callisto.toml:1:9: not valid TOML"),
    ],
)
def test_broken_toml_is_named_by_line_and_column(tmp_path: Path, text: str, where: str) -> None:
    assert where in refusal(tmp_path, text)


def test_a_file_that_is_not_utf8_is_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "callisto.toml").write_bytes(b'edition = "ucm"\n# \xff\n')
    assert "callisto.toml:2: not UTF-8" in refusal(tmp_path)


@given(st.binary(max_size=200))
def test_no_bytes_in_the_file_do_more_than_be_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("c")
    (folder / "callisto.toml").write_bytes(data)
    try:
        Config.load({}, folder)
    except ConfigError as exc:
        assert "\n" not in str(exc)  # noqa: PT017 - either outcome is right


def test_an_unknown_variable_is_a_warning_with_the_nearest(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, TELNETPORT="1").warnings
    assert "CALLISTO_TELNETPORT" in warning
    assert "did you mean CALLISTO_TELNET_PORT?" in warning


def test_a_child_gets_the_same_settings_without_reading_the_file_again(tmp_path: Path) -> None:
    config = load(tmp_path, 'trunk = "10.0.0.1"\nweb_port = 81\n', ADMIN_PASSWORD="hush")
    (tmp_path / "callisto.toml").write_text("broken")
    child = Config.load(config.environment(), tmp_path / "elsewhere")
    assert all(getattr(child, s.key) == getattr(config, s.key) for s in SETTINGS)
    assert child.admin_password is None


def test_a_password_is_shown_nowhere(tmp_path: Path) -> None:
    config = load(tmp_path, 'store_url = "postgresql://c:secret@db/x"\n', ADMIN_PASSWORD="hush")
    assert config.store_url_shown == "postgresql://c:***@db/x"
    assert "secret" not in repr(config)
    assert "hush" not in repr(config)
    assert "secret" not in refusal(tmp_path, 'store_url = "mysql://c:secret@db/x"\n')


@pytest.mark.parametrize(
    "url",
    ["postgresql://c:se/cr@et@db/x", "postgresql://db/x?password=secret&a=1", "postgresql://:secret@db/x"],
)
def test_odd_passwords_are_masked_too(url: str) -> None:
    assert "et" not in without_password(url).replace("postgresql", "")


def test_the_ports_of_speech_are_a_range(tmp_path: Path) -> None:
    assert load(tmp_path).rtp_ports == range(16384, 18384)
    config = load(tmp_path, 'rtp_ports = "20000-20099"\n')
    assert config.rtp_ports == range(20000, 20100)
    assert config.environment()["CALLISTO_RTP_PORTS"] == "20000-20099"


@pytest.mark.parametrize(
    "text", ["20000", "20001-20100", "20000-20010", "20100-20000", "80-1000", "20000-70000", "many"]
)
def test_ports_that_speech_cannot_use_are_refused(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, RTP_PORTS=text).startswith(f'CALLISTO_RTP_PORTS: "{text}" is refused')


def test_the_media_server_has_a_port_of_its_own(tmp_path: Path) -> None:
    assert load(tmp_path).media_port == 5064
    assert "sip_port too" in refusal(tmp_path, MEDIA_PORT="5060")


def test_each_door_of_the_shell_can_be_closed_but_not_both(tmp_path: Path) -> None:
    assert load(tmp_path).telnets_port == 9923
    assert (load(tmp_path).web_tls_port, load(tmp_path, "web_tls_port = 443\n").web_tls_port) == (0, 443)
    assert "web_tls_port: 8080 is the web_port too" in refusal(tmp_path, "web_tls_port = 8080\n")
    assert refusal(tmp_path, 'web_tls_key = "a"\n').startswith("web_tls_certificate: it is missing")
    closed = load(tmp_path, 'telnet_port = "off"\n')
    assert (closed.telnet_port, closed.telnets_port) == (0, 9923)
    assert load(tmp_path, "telnets_port = 0\n").telnets_port == 0
    assert refusal(tmp_path, 'telnet_port = "off"\ntelnets_port = 0\n').startswith("telnet_port: it is off")
    assert "telnets_port: 2323 is the telnet_port too" in refusal(tmp_path, "telnets_port = 2323\n")


def test_administrators_connect_from_networks_that_are_named_or_near(tmp_path: Path) -> None:
    assert load(tmp_path).telnet_networks == ("127.0.0.0/8",)
    near = load(tmp_path, LISTEN="0.0.0.0").telnet_networks
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"} < set(near)
    assert load(tmp_path, TELNET_NETWORKS="10.1.0.0/16, any").telnet_networks == ("10.1.0.0/16", "any")
    assert refusal(tmp_path, "telnet_networks = []\n").startswith("telnet_networks: nobody could log in")


def test_plain_telnet_open_to_all_is_warned_of(tmp_path: Path) -> None:
    def warned(**env: str) -> bool:
        found = load(tmp_path, TELNET_NETWORKS="any", **env).warnings
        return any(one.startswith("telnet_networks: anybody may connect") for one in found)

    assert warned(LISTEN="0.0.0.0")
    assert not warned(LISTEN="0.0.0.0", TELNET_PORT="off")
    assert not warned()


def test_a_child_gets_the_settings_of_the_shell(tmp_path: Path) -> None:
    text = (
        'telnet_port = "off"\ntelnet_idle_minutes = 0\n'
        'telnet_banner = """\nFor Muster AG only.\nAll is noted.\n"""\n'
    )
    config = load(tmp_path, text, LISTEN="0.0.0.0")
    child = Config.load(config.environment(), tmp_path)
    assert child.telnet_banner == "For Muster AG only.\nAll is noted."
    assert (child.telnet_port, child.telnets_port, child.telnet_idle_minutes) == (0, 9923, 0)
    assert child.telnet_networks == config.telnet_networks
    assert child.telnet_certificate == (tmp_path / "var/tls/telnet.crt", tmp_path / "var/tls/telnet.key")


def test_a_banner_is_a_short_text_or_a_file_with_one(tmp_path: Path) -> None:
    (tmp_path / "banner.txt").write_text("Grüezi\n")
    assert banner(load(tmp_path, 'telnet_banner_file = "banner.txt"\n')) == "Grüezi"
    assert "at most 2048 bytes" in refusal(tmp_path, TELNET_BANNER="x" * 2049)
    assert "telnet_banner is set too" in refusal(tmp_path, TELNET_BANNER="a", TELNET_BANNER_FILE="b")
    for content in (b"x" * 2049, b"\xff"):
        (tmp_path / "banner.txt").write_bytes(content)
        with pytest.raises(ConfigError, match=r"^telnet_banner_file: .*too long, or no UTF-8"):
            banner(load(tmp_path, 'telnet_banner_file = "banner.txt"\n'))
    (tmp_path / "banner.txt").unlink()
    with pytest.raises(ConfigError, match=r"^telnet_banner_file: .*No such file"):
        banner(load(tmp_path))


def test_a_certificate_of_telnet_needs_its_key(tmp_path: Path) -> None:
    assert refusal(tmp_path, TELNET_TLS_KEY="a.key").startswith("telnet_tls_certificate: it is missing")
    assert refusal(tmp_path, TELNET_TLS_CERTIFICATE="a.crt").startswith("telnet_tls_key: it is missing")
