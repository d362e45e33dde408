"""One settings model for file, environment and flags.

Precedence, first wins: flags, environment (RIDGELINE_SERVER_*), the TOML file of --config, defaults. Names
are the same everywhere: `max_rows` in the file, RIDGELINE_SERVER_MAX_ROWS, --max-rows.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

ENV_PREFIX = "RIDGELINE_SERVER_"
NO_KEYS = "off"
"""As `require_signature`: signatures are not looked at."""

# Kubernetes tells every pod of a service called ridgeline-server where it is: that is no setting of ours.
_SERVICE_LINK = re.compile(rf"{ENV_PREFIX}(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)")


class ConfigError(Exception):
    """The settings cannot be used. `problems` has one sentence for each thing that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(
            "expected HOST:PORT, such as 127.0.0.1:50051 or [::1]:50051; port 0 picks a free one"
        )
    return value


def _optional_address(value: str) -> str:
    return _address(value) if value else value


def _key_file(value: str) -> str:
    # An empty variable must not switch off what was meant to be on.
    if not value:
        raise ValueError(f"expected a PEM file of public keys, or {NO_KEYS}")
    return value


Address = Annotated[str, AfterValidator(_address)]


class Settings(BaseModel):
    """Everything that can be set. Times are in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: Path = Field(description="directory of exported models, NAME/VERSION/manifest.json")
    model: str = Field(
        default="", description="model that answers when a caller names none; needed with several"
    )
    require_signature: Annotated[str, AfterValidator(_key_file)] = Field(
        default=NO_KEYS,
        description="PEM file of public keys: a version that none of them signed is refused; "
        f"{NO_KEYS}: signatures are not looked at",
    )
    address: Address = Field(default="127.0.0.1:50051", description="where to serve gRPC, HOST:PORT")
    ops_address: Annotated[str, AfterValidator(_optional_address)] = Field(
        default="127.0.0.1:9464",
        description="where to serve /livez, /readyz and /metrics over HTTP, HOST:PORT; empty: nowhere",
    )
    tls_certificate: str = Field(
        default="",
        description="PEM file of the certificate to serve with, its chain behind it; empty: plaintext",
    )
    tls_key: str = Field(default="", description="PEM file of the certificate's private key")
    tls_client_ca: str = Field(
        default="",
        description="PEM file of the authorities whose certificates callers must show; empty: they need none",
    )
    allow_plaintext: bool = Field(
        default=False, description="serve without TLS on an address that others reach, too"
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="processes that serve on the address; limits and pools are of each",
    )
    worker_timeout_s: float = Field(
        default=10.0,
        ge=1,
        le=3600,
        allow_inf_nan=False,
        description="how long one of several workers may not answer before it is killed and replaced",
    )
    pin_cpu: bool = Field(
        default=False,
        description="keep each serving process on one CPU; each worker takes the next one",
    )
    tokens: str = Field(
        default="",
        description="file that says who may call (`ridgeline-server token`); empty: everybody may",
    )
    reflection: bool = Field(
        default=False, description="serve gRPC reflection, so that tools can list the methods"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level to log"
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="log lines for people (console) or one JSON object each (json)"
    )
    slow_call_s: float = Field(
        default=1.0, gt=0, description="an answer that takes longer is logged as a warning"
    )
    metrics: bool = Field(default=True, description="measure, and serve /metrics on the ops address")
    tracing: bool = Field(
        default=False, description="export a span for each call by OTLP, as the OTEL_* variables say"
    )
    core_dumps: bool = Field(
        default=False,
        description="let crashes write memory, callers' data in it, to disk, and let debuggers attach",
    )
    max_rows: int = Field(default=10_000, ge=1, le=1_000_000, description="rows of one batch of columns")
    max_records: int = Field(default=1_000, ge=1, le=100_000, description="records of one batch of records")
    max_message_bytes: int = Field(
        default=16 << 20, ge=1 << 10, le=1 << 30, description="bytes of one message"
    )
    active_threads: int = Field(default=2, ge=1, le=64, description="calls worked on at the same time")
    max_threads: int = Field(
        default=256, ge=2, le=4096, description="threads, those that wait for callers included"
    )
    max_waiting_calls: int = Field(
        default=1_000, ge=1, description="calls that wait for a thread before new ones are shed"
    )
    max_streams: int = Field(default=32, ge=1, le=1024, description="streams open at the same time")
    stream_idle_s: float = Field(
        default=300.0,
        gt=0,
        le=86_400,
        description="how long a stream may wait for its caller to send the next chunk or to read an answer",
    )
    message_timeout_s: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="how long a caller may take to send its message",
    )
    max_call_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="how long a unary call may take from its coming, whatever deadline its caller gave",
    )
    max_connections: int = Field(
        default=4_000, ge=1, le=1_000_000, description="connections open at the same time; more are closed"
    )
    drain_delay_s: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="how long calls are still answered once told to stop, for load balancers to notice",
    )
    drain_grace_s: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="how long running calls may take after that",
    )

    @model_validator(mode="before")
    @classmethod
    def _check_secrets(cls, given: dict[str, Any]) -> dict[str, Any]:
        # Before any of them is quoted in an error, or handed to a worker on its command line.
        for name, value in given.items():
            if "-----BEGIN" in str(value):
                raise ValueError(f"{name} holds a key or a certificate itself: give the path of its file")
        return given

    @model_validator(mode="after")
    def _check_threads(self) -> Self:
        if self.max_threads <= self.active_threads:
            raise ValueError(
                f"max_threads is {self.max_threads} and active_threads {self.active_threads}: "
                "more threads must be allowed than work, to stand in for those that wait for callers"
            )
        return self

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            given, lacking = ("certificate", "key") if self.tls_certificate else ("key", "certificate")
            raise ValueError(f"tls_{given} is set and tls_{lacking} is not: TLS needs both")
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError(
                f"tls_client_ca is {self.tls_client_ca!r} without a certificate of the server: "
                "set tls_certificate and tls_key, too"
            )
        if not (self.tls_certificate or self.allow_plaintext or _is_loopback(self.address)):
            raise ValueError(
                f"address is {self.address!r}, which others reach, and there is no TLS: set tls_certificate "
                "and tls_key, an address of loopback, or allow_plaintext if something else protects the port"
            )
        return self


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def load_settings(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None
) -> Settings:
    """Put the settings together.

    Args:
        flags: settings given on the command line, by field name.
        environment: the process's environment; names without the prefix are left alone.
        file: a TOML file, or None.

    Raises:
        ConfigError: with every problem of file, environment and flags at once.
    """
    in_file, problems = _read_file(file)
    in_environment = {
        name.upper().removeprefix(ENV_PREFIX).lower(): value
        for name, value in environment.items()
        if name.upper().startswith(ENV_PREFIX) and not _SERVICE_LINK.match(name.upper())
    }
    sources = {
        **{name: f"{name} in {file}" for name in in_file},
        **{name: ENV_PREFIX + name.upper() for name in in_environment},
        **{name: _flag(name) for name in flags},
    }
    try:
        settings = Settings.model_validate({**in_file, **in_environment, **flags})
    except ValidationError as error:
        problems += [_problem(e, sources) for e in error.errors()]
    if problems:
        raise ConfigError(problems)
    return settings


def as_flags(settings: Settings) -> list[str]:
    """Return the flags that give exactly these settings, whatever environment and file say."""
    return [_as_flag(name, value) for name, value in settings]


def _as_flag(name: str, value: object) -> str:
    if isinstance(value, bool):
        return _flag(name) if value else _flag(f"no_{name}")
    return f"{_flag(name)}={value}"


def _read_file(file: Path | None) -> tuple[dict[str, Any], list[str]]:
    if file is None:
        return {}, []
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")), []
    except OSError as error:
        return {}, [f"{file}: cannot be read: {error.strerror}"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, [f"{file}: is not TOML: {error}"]


def _problem(error: Any, sources: Mapping[str, str]) -> str:
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0])
    if error["type"] == "missing":
        return (
            f"{name} is not set: give {_flag(name)}, {ENV_PREFIX}{name.upper()}, or {name} in a --config file"
        )
    if error["type"] == "extra_forbidden":
        return f"{sources[name]} is no setting: expected one of {', '.join(Settings.model_fields)}"
    return f"{sources[name]} is {error['input']!r}: {error['msg'].removeprefix('Value error, ')}"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
