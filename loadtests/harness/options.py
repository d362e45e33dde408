"""What a closed-loop load test can be told, beside what Locust itself is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from harness.access import TLS_OPTIONS, tls_of
from harness.rows import Shares
from ridgeline_client import Tls

_LEAST = {
    "unary_weight": 0,
    "batch_weight": 0,
    "stream_weight": 0,
    "batch_rows": 1,
    "chunk_rows": 1,
    "window": 1,
    "seed": 0,
    "distinct_records": 1,
    "distinct_messages": 1,
    "connections": 1,
}


def _option(default: Any, description: str) -> Any:
    return field(default=default, metadata={"description": description})


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Each option is an argument of the locustfile, `--batch-rows` for `batch_rows`, and a field in its UI.

    Those of TLS begin with grpc: Locust has a --tls-key of its own, for its page.

    Raises:
        ValueError: naming every option that has no such value.
    """

    unary_weight: int = _option(8, "share of users that ask for one price at a time")
    batch_weight: int = _option(1, "share of users that send batches")
    stream_weight: int = _option(1, "share of users that hold streams")
    batch_rows: int = _option(1_000, "rows of a batch")
    chunk_rows: int = _option(1_000, "rows of a stream's chunk")
    window: int = _option(4, "chunks of a stream under way at a time")
    seed: int = _option(0, "another seed, other rows")
    missing_share: float = _option(0.02, "share of cells without a value")
    unseen_share: float = _option(0.01, "share of categories that training has not seen")
    outside_share: float = _option(0.002, "share of numbers outside the training range, but valid")
    distinct_records: int = _option(2_000, "different single-row requests, made before the run")
    distinct_messages: int = _option(20, "different batches, and chunks of a stream, made before the run")
    connections: int = _option(4, "connections of each process, used in turn by its users")
    deadline_s: float = _option(5.0, "deadline of a call in seconds; of a stream, of each answer")
    model: str = _option("", "the model to ask; empty: the server's default")
    token_file: str = _option("", "file with the bearer token; empty: the variable RIDGELINE_TOKEN, or none")
    grpc_tls_ca: str = _option("", TLS_OPTIONS["tls_ca"])
    grpc_tls_certificate: str = _option("", TLS_OPTIONS["tls_certificate"])
    grpc_tls_key: str = _option("", TLS_OPTIONS["tls_key"])
    grpc_tls_server_name: str = _option("", TLS_OPTIONS["tls_server_name"])

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {value}: expected {least} or more"
            for name, least in _LEAST.items()
            if (value := getattr(self, name)) < least
        ]
        if not 0 < self.deadline_s <= 3600:
            problems.append(f"deadline_s is {self.deadline_s}: expected seconds above 0, at most 3600")
        if not self.unary_weight + self.batch_weight + self.stream_weight:
            problems.append("all weights are 0: expected one above 0")
        for part in (self.shares, self.tls):
            try:
                part()
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise ValueError("; ".join(problems))

    def shares(self) -> Shares:
        """Shares of the cells that are missing, unseen and outside. Raises ValueError."""
        return Shares(self.missing_share, self.unseen_share, self.outside_share)

    def tls(self) -> Tls | None:
        """How to speak TLS, None for plaintext. Raises ValueError."""
        return tls_of({name: getattr(self, f"grpc_{name}") for name in TLS_OPTIONS})

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> LoadOptions:
        """Pick the options out of parsed arguments. Raises ValueError."""
        return cls(**{f.name: told[f.name] for f in fields(cls)})
