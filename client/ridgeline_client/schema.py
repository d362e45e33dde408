"""Which version is asked, and what the client must know about it to send values right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client.description import ModelDescription

Kind = Literal["numeric", "categorical"]


@dataclass(frozen=True, slots=True)
class Selection:
    """A model and at most one way to name its version; ValueError when there are several."""

    model: str = ""
    """"": the server's default model."""
    version: int | None = None
    label: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("version", "label", "digest") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"name the version in one way, not by {' and '.join(given)}")

    def choice(self) -> pb.ModelChoice | None:
        """Return the choice as the contract has it; None leaves it to the server's policy."""
        if self.version is not None:
            return pb.ModelChoice(version=self.version)
        if self.label is not None:
            return pb.ModelChoice(label=self.label)
        if self.digest is not None:
            return pb.ModelChoice(digest=self.digest)
        return None


@dataclass(frozen=True, slots=True)
class Schema:
    """What decides how values are sent. Equal schemas send the same values alike, whatever their version."""

    kinds: Mapping[str, Kind]
    """Feature name to kind, in the model's order."""
    missing_tokens: frozenset[str]
    max_rows: int
    max_message_bytes: int
    digest: str = field(default="", compare=False)

    @classmethod
    def of(cls, description: ModelDescription) -> Schema:
        """Take from a description what is needed."""
        return cls(
            kinds={feature.name: feature.kind for feature in description.features},
            missing_tokens=frozenset(description.missing_tokens),
            max_rows=description.limits.max_rows,
            max_message_bytes=description.limits.max_message_bytes,
            digest=description.model.digest,
        )
