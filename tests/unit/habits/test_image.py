"""Dockerfile, .dockerignore and compose.yaml agree with each other and with the settings."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ridgeline_server.config import ENV_PREFIX, ConfigError, Settings, load_settings

ROOT = Path(__file__).parents[3]


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _environment() -> dict[str, str]:
    """The settings that the image comes with."""
    return dict(re.findall(rf"^ .*\b({ENV_PREFIX}\w+)=(\S+)", _text("Dockerfile"), re.MULTILINE))


def _service(name: str) -> str:
    found = re.search(rf"^  {name}:$((?:\n(?:    .*)?)*)", _text("compose.yaml"), re.MULTILINE)
    assert found
    return found[1]


def _seconds(service: str, key: str) -> int:
    found = re.search(rf"^    {key}: (\d+)s$", service, re.MULTILINE)
    assert found
    return int(found[1])


def test_the_image_alone_does_not_serve_plaintext() -> None:
    with pytest.raises(ConfigError, match="there is no TLS: set tls_certificate"):
        load_settings({}, _environment())


def test_the_settings_of_the_image_and_of_compose_are_settings_and_reach_beyond_loopback() -> None:
    told = dict(re.findall(rf'({ENV_PREFIX}\w+): "(\w+)"', _service("server")))
    settings = load_settings({}, {**_environment(), **told})
    assert settings.allow_plaintext
    assert str(settings.models) == "/models"
    assert settings.log_format == "json"
    for address in (settings.address, settings.ops_address):
        host, _, port = address.rpartition(":")
        assert host == "0.0.0.0"
        assert re.search(rf"^EXPOSE .*\b{port}\b", _text("Dockerfile"), re.MULTILINE)


def test_the_image_runs_as_a_user_without_a_name_or_rights() -> None:
    user = re.findall(r"^USER (\S+)$", _text("Dockerfile"), re.MULTILINE)
    assert [re.fullmatch(r"[1-9]\d+:[1-9]\d+", name) is not None for name in user] == [True]


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD", "HEALTHCHECK .* CMD"])
def test_commands_of_the_image_need_no_shell(word: str) -> None:
    assert len(re.findall(rf'^{word} \["', _text("Dockerfile"), re.MULTILINE)) == 1


def test_every_lock_of_the_image_is_installed_by_hash() -> None:
    dockerfile = _text("Dockerfile")
    for lock in (ROOT / "deploy").glob("*.lock"):
        assert re.search(rf"install \$locked -r deploy/{lock.name}\b", dockerfile)
    assert re.search(r'locked=".*--require-hashes', dockerfile)


def test_nothing_enters_the_image_but_what_it_is_made_of() -> None:
    """Docker's rules are not git's: what `!` names comes in, whatever is said of its parents."""
    lines = [line for line in _text(".dockerignore").splitlines() if line and not line.startswith("#")]
    built = tomllib.loads(_text("pyproject.toml"))
    wheel = built["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = [
        "pyproject.toml",
        built["project"]["readme"],
        *built["project"]["license-files"],
        "deploy/*.lock",
    ]
    assert lines[0] == "*"
    assert lines[-1] == "**/__pycache__"
    assert sorted(lines[1:-1]) == sorted(f"!{name}" for name in [*wheel, *files])


@pytest.mark.parametrize("name", ["server", "prometheus"])
def test_every_service_is_locked_down_and_asked_for_its_health(name: str) -> None:
    lines = [line.strip() for line in _service(name).splitlines()]
    assert "read_only: true" in lines
    assert "cap_drop: [ALL]" in lines
    assert 'security_opt: ["no-new-privileges:true"]' in lines
    assert "healthcheck:" in lines
    assert not [line for line in lines if line.startswith(("privileged", "network_mode", "cap_add"))]


@pytest.mark.parametrize("name", ["server", "prometheus"])
def test_every_port_is_published_on_loopback_only(name: str) -> None:
    found = re.search(r"^    ports: (.+)$", _service(name), re.MULTILINE)
    assert found
    assert re.fullmatch(r'\["127\.0\.0\.1:(\d+):\1"\]', found[1])


def test_compose_waits_longer_than_the_server_drains() -> None:
    assert _seconds(_service("server"), "stop_grace_period") > Settings.model_fields["drain_grace_s"].default


def test_prometheus_scrapes_the_ops_port_of_the_server() -> None:
    port = _environment()[f"{ENV_PREFIX}OPS_ADDRESS"].rpartition(":")[2]
    assert f'targets: ["server:{port}"]' in _text("deploy/prometheus.yml")
    assert "./deploy/prometheus.yml:/etc/prometheus/prometheus.yml:ro" in _service("prometheus")
