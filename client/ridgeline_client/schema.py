"""Which version is asked, and what the client must know about it to send values right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client.calls import Deadline
from ridgeline_client.description import ModelDescription
from ridgeline_client.errors import InvalidInput

T = TypeVar("T")
Kind = Literal["numeric", "categorical"]

_STALE_SCHEMA_REASONS = {Reason.UNKNOWN_FEATURE, Reason.WRONG_KIND, Reason.ROW_LIMIT_EXCEEDED}
"""Refusals that a newer model version could explain."""


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


class SchemaCache:
    """The schema of each selection, asked for once and again when it may be old. Thread-safe.

    Args:
        describe: asks the server.
    """

    def __init__(self, describe: Callable[[Selection, Deadline], ModelDescription]) -> None:
        self._describe = describe
        self._schemas: dict[Selection, Schema] = {}

    def learn(self, selection: Selection, description: ModelDescription) -> None:
        """Keep what a description says."""
        self._schemas[selection] = Schema.of(description)

    def use(self, selection: Selection, deadline: Deadline, ask: Callable[[Schema], T]) -> T:
        """Call `ask` with the schema; once more when the input is refused and the schema turns out old."""
        known = self._schemas.get(selection)
        schema = known or self._asked(selection, deadline)
        try:
            return ask(schema)
        except InvalidInput as error:
            if known is None or not any(v.reason in _STALE_SCHEMA_REASONS for v in error.violations):
                raise
            schema = self._asked(selection, deadline)
            if schema == known:
                raise
        return ask(schema)

    def features_of(self, version: pb.ModelRef, deadline: Deadline) -> tuple[str, ...]:
        """Feature names of the version that answered, in the model's order."""
        known = next((s for s in list(self._schemas.values()) if s.digest == version.digest), None)
        schema = known or self._asked(Selection(version.name, digest=version.digest), deadline)
        return tuple(schema.kinds)

    def _asked(self, selection: Selection, deadline: Deadline) -> Schema:
        self.learn(selection, self._describe(selection, deadline))
        return self._schemas[selection]
