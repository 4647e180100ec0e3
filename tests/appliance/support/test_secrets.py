"""No secret gets through, wherever it was planted and however it is written there."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.config import Config
from appliance.support.parts import configuration, known_secrets
from appliance.support.secrets import Secrets, is_secret_name

secret = st.text(
    st.characters(
        min_codepoint=33, max_codepoint=0x2FF, exclude_characters="*", exclude_categories=["Cs", "Cc"]
    ),
    min_size=6,
    max_size=24,
)
around = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.lists(secret, min_size=1, max_size=4), around, around)
@settings(max_examples=300, deadline=None)
def test_a_known_secret_is_found_however_it_is_written(planted: list[str], before: str, after: str) -> None:
    secrets = Secrets(planted)
    for one in planted:
        for form in (one, quote(one), quote(one, safe=""), json.dumps(one)[1:-1]):
            found = secrets.without_known(before + form + after)
            assert form not in found or form in before + after or form in "***"
            assert form not in secrets.clean(f"{before} {form} {after}") or form in f"{before} {after}"


@given(st.lists(secret, min_size=1, max_size=3), st.data())
@settings(max_examples=200, deadline=None)
def test_none_is_left_in_json_of_any_shape(planted: list[str], data: st.DataObject) -> None:
    leaf = st.sampled_from(planted) | st.integers() | st.none() | around.map(lambda text: text + planted[0])
    shape = data.draw(
        st.recursive(
            leaf,
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["a", "password", *planted]), inner, max_size=3)
            ),
            max_leaves=10,
        )
    )
    text = json.dumps(Secrets(planted).clean_data(shape), ensure_ascii=False)
    for one in planted:
        assert one not in text
        assert json.dumps(one)[1:-1] not in text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("opening postgresql://callisto:hush-hush@db/callisto", "hush-hush"),
        ("http://u:p%40ss@10.0.0.1/", "p%40ss"),
        ("admin has the hash $argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA", "c2FsdHNhbHQ"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----", "MHcCAQEE"),
        ("-----BEGIN PRIVATE KEY-----\nMHcCAQEE cut off", "MHcCAQEE"),
        ("password=hush-hush", "hush-hush"),
        ('Authorization: Digest username="u", response="0123456789abcdef"', "0123456789abcdef"),
    ],
)
def test_what_looks_like_a_secret_is_masked_though_nobody_knows_it(text: str, hidden: str) -> None:
    assert hidden not in Secrets(()).clean(text)


def test_the_rest_of_a_text_stays() -> None:
    text = "call 7: ring berta, assistant 1 of 2 (manager away)"
    assert Secrets(("hush-hush",)).clean(text) == text
    assert Secrets(("hush-hush",)).clean_data({"a": [1, None, True, text]}) == {"a": [1, None, True, text]}


@pytest.mark.parametrize("name", ["CALLISTO_ADMIN_PASSWORD", "API_KEY", "tls_key", "token", "password_hash"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)
    assert not is_secret_name("keyboard")


def test_all_that_a_process_knows_is_known(tmp_path: Path) -> None:
    env = {
        "CALLISTO_STATE": str(tmp_path),
        "CALLISTO_ADMIN_PASSWORD": "admin-hush",
        "CALLISTO_STORE_URL": "postgresql://callisto:st%40re-hush@db/callisto",
        "CALLISTO_PEERS": "pbx1=10.0.0.1:5060;user=callisto",
        "CALLISTO_PEER_PBX1_PASSWORD": "peer-hush",
        "GITHUB_TOKEN": "environment-hush",
    }
    config = Config.load(env, tmp_path)
    known = known_secrets(config, env)
    assert {"admin-hush", "st%40re-hush", "st@re-hush", "peer-hush", "environment-hush"} <= set(known)
    shown = json.dumps(configuration(config))
    assert not [one for one in known if one in shown]
    assert '"has_a_secret": true' in shown
    assert "10.0.0.1" in shown
