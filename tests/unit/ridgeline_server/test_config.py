"""One settings model: precedence, and every problem at once with the place it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from ridgeline_server.config import ConfigError, Settings, load_settings


def test_flags_beat_environment_beats_file_beats_defaults(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('models = "in-file"\nmax_rows = 1\nmax_records = 2\nactive_threads = 3\n')
    environment = {"RIDGELINE_SERVER_MAX_ROWS": "10", "RIDGELINE_SERVER_MAX_RECORDS": "20", "PATH": "/bin"}
    settings = load_settings({"max_rows": "100"}, environment, file)
    assert (settings.max_rows, settings.max_records, settings.active_threads) == (100, 20, 3)
    assert settings.models == Path("in-file")
    assert settings.address == Settings(models=Path()).address


def test_every_problem_is_named_with_its_source(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('max_row = 5\nlog_level = "loud"\n')
    environment = {"RIDGELINE_SERVER_MAX_ROWS": "many", "RIDGELINE_SERVER_ADRESS": "x"}
    with pytest.raises(ConfigError) as caught:
        load_settings({"address": "localhost"}, environment, file)
    problems = "\n".join(caught.value.problems)
    assert "models is not set: give --models, RIDGELINE_SERVER_MODELS" in problems
    assert f"max_row in {file} is no setting: expected one of models" in problems
    assert f"log_level in {file} is 'loud'" in problems
    assert "RIDGELINE_SERVER_MAX_ROWS is 'many'" in problems
    assert "RIDGELINE_SERVER_ADRESS is no setting" in problems
    assert "--address is 'localhost': expected HOST:PORT" in problems
    assert len(caught.value.problems) == 6


@pytest.mark.parametrize("address", ["localhost", ":50051", "host:", "host:port", "host:70000"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(ConfigError):
        load_settings({"models": "m", "address": address}, {})


def test_settings_are_checked_against_each_other() -> None:
    with pytest.raises(ConfigError, match="max_threads is 4 and active_threads 4"):
        load_settings({"models": "m", "max_threads": 4, "active_threads": 4}, {})


@pytest.mark.parametrize("name", ["drain_grace_s", "message_timeout_s"])
@pytest.mark.parametrize("value", ["inf", "nan", "-1"])
def test_times_are_finite(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} is"):
        load_settings({"models": "m", name: value}, {})


def test_what_kubernetes_says_of_a_service_of_our_name_is_no_setting() -> None:
    links = {
        "RIDGELINE_SERVER_SERVICE_HOST": "10.0.0.7",
        "RIDGELINE_SERVER_SERVICE_PORT_GRPC": "50051",
        "RIDGELINE_SERVER_PORT": "tcp://10.0.0.7:50051",
        "RIDGELINE_SERVER_PORT_50051_TCP_ADDR": "10.0.0.7",
    }
    assert load_settings({"models": "m"}, links) == load_settings({"models": "m"}, {})


def test_the_ops_port_can_be_left_out_but_the_service_cannot() -> None:
    assert load_settings({"models": "m", "ops_address": ""}, {}).ops_address == ""
    with pytest.raises(ConfigError):
        load_settings({"models": "m", "address": ""}, {})


def test_a_file_that_is_missing_or_no_toml_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings({"models": "m"}, {}, tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("models = ")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_settings({"models": "m"}, {}, tmp_path / "bad.toml")


@pytest.mark.parametrize(
    "address", ["0.0.0.0:1", "[::]:1", "10.0.0.5:1", "prices.example:1", "localhost.example:1"]
)
def test_plaintext_for_others_must_be_asked_for(address: str) -> None:
    told = {"models": "m", "address": address}
    with pytest.raises(ConfigError, match="which others reach, and there is no TLS: set tls_certificate"):
        load_settings(told, {})
    assert load_settings(told, {"RIDGELINE_SERVER_ALLOW_PLAINTEXT": "true"}).address == address
    assert load_settings({**told, "tls_certificate": "c", "tls_key": "k"}, {}).address == address


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "localhost:1", "LOCALHOST:1"])
def test_loopback_may_be_plaintext(address: str) -> None:
    assert load_settings({"models": "m", "address": address}, {}).address == address


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"tls_certificate": "c"}, "tls_certificate is set and tls_key is not"),
        ({"tls_key": "k"}, "tls_key is set and tls_certificate is not"),
        ({"tls_client_ca": "a"}, "tls_client_ca is 'a' without a certificate of the server"),
    ],
)
def test_half_of_tls_is_refused(told: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load_settings({"models": "m", **told}, {})


def test_a_key_in_place_of_its_path_is_refused_and_not_quoted() -> None:
    key = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----"
    with pytest.raises(ConfigError) as caught:
        load_settings({"models": "m", "tls_certificate": "c.pem", "tls_key": key}, {})
    told = "tls_key holds a key or a certificate itself: give the path of its file"
    assert caught.value.problems == (told,)
