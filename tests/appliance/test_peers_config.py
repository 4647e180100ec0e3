"""The PBX peers of the configuration: both forms, their passwords, and every refusal in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Config
from appliance.config_settings import ConfigError
from appliance.peers_config import line, read
from router.model import Peer

TWO = """
networks = ["10.1.0.0/16", "192.0.2.7"]

[[peer]]
name = "pbx1"
address = "10.0.0.1:5070"
transport = "tcp"
user = "callisto"
realm = "office"
register = true
ping_s = 5
early_media = false
replaces = false
dtmf = "info"
srtp = "require"

[[peer]]
name = "pbx-2"
address = "pbx.example"
transport = "tls"
priority = 2
"""
PBX1 = Peer(
    "pbx1", "10.0.0.1", 5070, "tcp", 1, "callisto", "", "office", True, 5, False, False, "info", "require"
)
PBX2 = Peer("pbx-2", "pbx.example", 5061, "tls", priority=2)


def load(folder: Path, text: str = "", **env: str) -> Config:
    if text:
        (folder / "callisto.toml").write_text(text)
    return Config.load({f"CALLISTO_{key}": value for key, value in env.items()}, folder)


def refusal(folder: Path, text: str = "", **env: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **env)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_table_of_the_file_is_a_peer_with_all_its_settings(tmp_path: Path) -> None:
    config = load(tmp_path, TWO)
    assert config.peers == (PBX1, PBX2)
    assert config.networks == ("10.1.0.0/16", "192.0.2.7/32")


def test_the_environment_says_the_same_in_one_line(tmp_path: Path) -> None:
    told = (
        "pbx1=10.0.0.1:5070;transport=tcp;user=callisto;realm=office;register=yes;ping_s=5;"
        "early_media=false; replaces=0;dtmf=info;srtp=require, pbx-2=pbx.example;transport=tls;priority=2,"
    )
    config = load(tmp_path, PEERS=told, NETWORKS="10.1.0.0/16, 192.0.2.7")
    assert config.peers == (PBX1, PBX2)
    assert config.networks == ("10.1.0.0/16", "192.0.2.7/32")


@pytest.mark.parametrize("trunk", ["10.0.0.1:5070;transport=tcp", " 10.0.0.1:5070 ; transport=TCP "])
def test_trunk_is_short_for_one_peer(tmp_path: Path, trunk: str) -> None:
    expected = (Peer("pbx", "10.0.0.1", 5070, "tcp"),)
    assert load(tmp_path, TRUNK=trunk).peers == expected
    assert load(tmp_path, f'trunk = "{trunk}"\n').peers == expected
    assert load(tmp_path, TRUNK="none").peers == ()


@pytest.mark.parametrize(
    ("env", "names"),
    [
        ({}, ["pbx1", "pbx-2"]),
        ({"PEERS": "a=10.0.0.9"}, ["a"]),
        ({"TRUNK": "10.0.0.9"}, ["pbx"]),
        ({"PEERS": ""}, []),
    ],
)
def test_peers_of_the_environment_stand_in_for_those_of_the_file(
    tmp_path: Path, env: dict[str, str], names: list[str]
) -> None:
    assert [peer.name for peer in load(tmp_path, TWO, **env).peers] == names


# Passwords


def test_a_password_comes_from_a_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    secret = tmp_path / "etc" / "pbx.password"
    secret.write_text("in the file\nnot this\n")
    secret.chmod(0o600)
    (tmp_path / "etc" / "c.toml").write_text(
        '[[peer]]\nname = "pbx-1"\naddress = "10.0.0.1"\nuser = "u"\npassword_file = "pbx.password"\n'
    )
    config = load(tmp_path, CONFIG="etc/c.toml")
    assert (config.peers[0].password, config.warnings) == ("in the file", ())
    config = load(tmp_path, CONFIG="etc/c.toml", PEER_PBX_1_PASSWORD="from outside")
    assert (config.peers[0].password, config.warnings) == ("from outside", ())
    in_env = "a=10.0.0.1;user=u;password_file=etc/pbx.password"
    assert load(tmp_path, PEERS=in_env).peers[0].password == "in the file"


def test_a_password_is_in_no_text_that_leaves(tmp_path: Path) -> None:
    config = load(tmp_path, PEERS="pbx1=10.0.0.1;user=u", PEER_PBX1_PASSWORD="hush-hush")
    assert config.peers[0].password == "hush-hush"
    assert "hush" not in repr(config)
    assert "hush" not in str(config.environment())


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("x\n")
    (tmp_path / "p").chmod(0o644)
    (warning,) = load(tmp_path, PEERS="a=10.0.0.1;user=u;password_file=p").warnings
    assert f"chmod 600 {tmp_path / 'p'}" in warning


def test_a_password_for_nobody_is_warned_of(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, PEERS="pbx1=10.0.0.1;user=u", PEER_PBX2_PASSWORD="x").warnings
    assert "CALLISTO_PEER_PBX2_PASSWORD" in warning
    assert "did you mean CALLISTO_PEER_PBX1_PASSWORD?" in warning
    (warning,) = load(tmp_path, PEERS="pbx1=10.0.0.1", PEER_PBX1_PASSWORD="x").warnings
    assert "of no use without a user" in warning


# Refusals


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("", "address is missing; right would be a host name or an IPv4 address"),
        ('address = ""\n', 'peer pbx1: address: "" is refused'),
        ('address = "[::1]:5060"\n', "a host name or an IPv4 address"),
        ('address = "10.0.0.256"\n', "a host name or an IPv4 address"),
        ('address = "10.0.0.1:0"\n', "a host name or an IPv4 address"),
        ('address = "a b"\n', "a host name or an IPv4 address"),
        (
            'address = "h"\ntransport = "sctp"\n',
            'transport: "sctp" is refused; right would be one of udp, tcp, tls',
        ),
        ('address = "h"\npriority = 0\n', "priority: 0 is refused; right would be a whole number from 1"),
        ('address = "h"\npriority = true\n', "priority: True is refused"),
        ('address = "h"\nping_s = 1.5\n', "ping_s: 1.5 is refused; right would be whole seconds"),
        (
            'address = "h"\nregister = "perhaps"\n',
            'register: "perhaps" is refused; right would be true or false',
        ),
        ('address = "h"\nregister = true\n', "register: there is no user to register; set user"),
        ('address = "h"\ndtmf = "tones"\n', "one of auto, rfc4733, info"),
        ('address = "h"\nsrtp = "no"\n', "one of pass, require"),
        ('address = "h"\nprioritiy = 1\n', "prioritiy: there is no such setting; did you mean priority?"),
        ('address = "h"\npassword_file = "gone"\n', "gone cannot be read: No such file or directory"),
        ('address = "h"\npassword_file = ""\n', 'password_file: "" is refused'),
    ],
)
def test_a_wrong_setting_of_a_peer_is_named_with_what_is_right(
    tmp_path: Path, settings: str, told: str
) -> None:
    message = refusal(tmp_path, f'[[peer]]\nname = "pbx1"\n{settings}')
    assert "callisto.toml: peer pbx1: " in message
    assert told in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[peer]]\naddress = "h"\n', "peer 1: name is missing; right would be 1 to 32 letters"),
        ('[[peer]]\nname = "a b"\naddress = "h"\n', 'peer "a b" is refused; right would be 1 to 32 letters'),
        ('[[peer]]\nname = 7\naddress = "h"\n', "peer 1: name: 7 is refused"),
        ('[peer]\nname = "a"\naddress = "h"\n', "right would be [[peer]]"),
        ('peer = ["a"]\n', "right would be [[peer]]"),
        ('trunk = "h"\n[[peer]]\nname = "a"\naddress = "h"\n', "trunk: there are [[peer]] tables too"),
        ("trunk = 5\n", 'trunk: 5 is refused; right would be "host[:port][;transport=udp|tcp|tls]"'),
        ('trunk = "h;user=x"\n', 'trunk: "h;user=x" is refused'),
        ('networks = "10.0.0.0/33"\n', 'networks: "10.0.0.0/33" is refused; right would be networks such as'),
        ("networks = [1]\n", "networks: [1] is refused"),
        ("networks = 1\n", "networks: 1 is refused"),
        ('tls_key = "k.pem"\n', "tls_certificate: it is missing, but tls_key is set"),
        ('tls_certificate = "c.pem"\n', "tls_key: it is missing, but tls_certificate is set"),
        ('tls_certificate = "c"\ntls_key = "k"\nsips_port = 5060\n', "sips_port: 5060 is the sip_port too"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    assert told in refusal(tmp_path, text)


def test_two_peers_whose_passwords_would_share_a_variable_are_refused(tmp_path: Path) -> None:
    assert "peer PBX_1: there is a peer pbx-1; give" in refusal(tmp_path, PEERS="pbx-1=a,PBX_1=b")


def test_a_password_in_the_settings_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for message in (
        refusal(tmp_path, PEERS="pbx1=a;user=u;password=hush"),
        refusal(tmp_path, '[[peer]]\nname = "pbx1"\naddress = "a"\npassword = "hush"\n'),
        refusal(tmp_path, PEERS="pbx1=a;user=u", PEER_PBX1_PASSWORD="hush\x07"),
    ):
        assert "password" in message
        assert "hush" not in message


@pytest.mark.parametrize("told", ["pbx1", "pbx1=", "=h", "pbx1=h;tcp", "pbx1=h;port=5", "pbx1=h,pbx1=h"])
def test_a_wrong_line_names_its_variable(tmp_path: Path, told: str) -> None:
    assert refusal(tmp_path, PEERS=told).startswith("CALLISTO_PEERS: ")


def test_both_variables_at_once_are_refused(tmp_path: Path) -> None:
    assert "CALLISTO_TRUNK is set too" in refusal(tmp_path, PEERS="a=h", TRUNK="h")


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    for key in ("PEERS", "TRUNK", "NETWORKS"):
        try:
            load(folder, **{key: text})
        except ConfigError as exc:
            assert "\n" not in str(exc)  # noqa: PT017 - either outcome is right


# Networks


@pytest.mark.parametrize(
    ("listen", "networks"), [("127.0.0.1", ("127.0.0.0/8",)), ("0.0.0.0", ()), ("192.0.2.1", ())]
)
def test_without_networks_only_a_loopback_takes_calls_from_its_own(
    tmp_path: Path, listen: str, networks: tuple[str, ...]
) -> None:
    config = load(tmp_path, LISTEN=listen)
    assert config.networks == networks
    assert [warning[:42] for warning in config.warnings] == (
        [] if networks else ["networks: calls are taken from nobody; nam"]
    )


def test_any_has_to_be_written_out(tmp_path: Path) -> None:
    assert load(tmp_path, NETWORKS="any").networks == ("any",)
    assert load(tmp_path, "networks = []\n").networks == ()


# For the children


def peers() -> st.SearchStrategy[Peer]:
    words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12).map(str.strip)
    return st.builds(
        Peer,
        st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True),
        st.sampled_from(["10.0.0.1", "pbx.example"]),
        st.integers(1, 65535),
        st.sampled_from(["udp", "tcp", "tls"]),
        st.integers(1, 100),
        words.filter(bool),
        st.just("secret"),
        words,
        st.booleans(),
        st.integers(0, 3600),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["auto", "rfc4733", "info"]),
        st.sampled_from(["pass", "require"]),
    )


@given(st.lists(peers(), max_size=4, unique_by=lambda peer: peer.name))
def test_a_child_gets_the_same_peers_without_their_passwords(found: list[Peer]) -> None:
    text = line(tuple(found))
    assert "secret" not in text
    again = read({}, {"CALLISTO_PEERS": text}, None, Path()).peers
    assert again == tuple(replace(peer, password="") for peer in found)


def test_a_child_gets_networks_and_certificates_too(tmp_path: Path) -> None:
    (tmp_path / "callisto.toml").write_text(
        'networks = ["10.0.0.0/8", "any"]\ntls_certificate = "c"\ntls_key = "k"\n'
    )
    config = load(tmp_path)
    assert config.tls_certificate == tmp_path / "c"
    child = Config.load(config.environment(), tmp_path / "elsewhere")
    assert (child.networks, child.tls_certificate, child.tls_key, child.tls_ca) == (
        config.networks,
        config.tls_certificate,
        config.tls_key,
        None,
    )
