"""Which version is asked, and what the client must know about it to send values right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from ridgeline import missing
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import text
from ridgeline_client.calls import Deadline
from ridgeline_client.description import ModelDescription
from ridgeline_client.errors import InvalidInput, MessageTooLarge, RequestError


class Answer(Protocol):
    """An answer that says which version gave it."""

    @property
    def model(self) -> Any:
        """The version, with its digest."""


A = TypeVar("A", bound=Answer)
MAX_VERSION = 2**63 - 1
"""The largest number the contract carries (int64)."""

Kind = Literal["numeric", "categorical"]

_STALE_SCHEMA_REASONS = {Reason.UNKNOWN_FEATURE, Reason.WRONG_KIND, Reason.ROW_LIMIT_EXCEEDED}
"""Refusals that a newer model version could explain."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A model and at most one way to name its version.

    Raises:
        ValueError: the version is named in several ways, is no int64 above 0, or a name is no Unicode text.
        TypeError: a name is no text, or the version no whole number.
    """

    model: str = ""
    """"": the server's default model."""
    version: int | None = None
    label: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("version", "label", "digest") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"name the version in one way, not by {' and '.join(given)}")
        if self.version is not None:
            _check_version(self.version)
        for name in ("model", "label", "digest"):
            if (value := getattr(self, name)) is not None:
                text.check(name, value)

    def choice(self) -> pb.ModelChoice | None:
        """Return the choice as the contract has it; None leaves it to the server's policy."""
        if self.version is not None:
            return pb.ModelChoice(version=self.version)
        if self.label is not None:
            return pb.ModelChoice(label=self.label)
        if self.digest is not None:
            return pb.ModelChoice(digest=self.digest)
        return None


def _check_version(version: Any) -> None:
    if not hasattr(version, "__index__") or isinstance(version, bool):
        raise TypeError(f"version must be a whole number, got {type(version).__name__} {version!r}")
    if not 1 <= version <= MAX_VERSION:
        raise ValueError(f"version must be 1 to {MAX_VERSION}, got {version}")


@dataclass(frozen=True, slots=True)
class Schema:
    """What decides how values are sent. Equal schemas send the same values alike, whatever their version."""

    kinds: Mapping[str, Kind]
    """Feature name to kind, in the model's order."""
    missing_tokens: frozenset[str]
    """Those that read as no number: text given for a number is looked up here, because the contract has only
    NaN for it. Every other token is sent as it is; the answering version applies its own."""
    max_rows: int
    max_message_bytes: int
    digest: str = field(default="", compare=False)

    @classmethod
    def of(cls, description: ModelDescription) -> Schema:
        """Take from a description what is needed."""
        return cls(
            kinds={feature.name: feature.kind for feature in description.features},
            missing_tokens=frozenset(
                token for token in description.missing_tokens if not missing.missing_numbers([token])
            ),
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
        self._by_digest: dict[str, Schema] = {}

    def learn(self, selection: Selection, description: ModelDescription) -> None:
        """Keep what a description says."""
        schema = Schema.of(description)
        self._schemas[selection] = self._by_digest[schema.digest] = schema

    def get(self, selection: Selection, deadline: Deadline) -> Schema:
        """Return the schema of a selection, asked for now if it is not known."""
        return self._schemas.get(selection) or self._asked(selection, deadline)

    def use(self, selection: Selection, deadline: Deadline, ask: Callable[[Schema], A]) -> A:
        """Call `ask` with the schema; once more when the input is refused and the schema turns out old.

        When another version answers than the schema's, the next call uses that version's.
        """
        known = self._schemas.get(selection)
        schema = known or self._asked(selection, deadline)
        try:
            answer = ask(schema)
        except (InvalidInput, MessageTooLarge) as error:
            if known is None or not _may_be_stale(error, known):
                raise
            schema = self._asked(selection, deadline)
            if schema == known:
                raise
        else:
            return self._followed(selection, schema, answer)
        return self._followed(selection, schema, ask(schema))

    def features_of(self, version: pb.ModelRef, deadline: Deadline) -> tuple[str, ...]:
        """Feature names of the version that answered, in the model's order."""
        known = self._by_digest.get(version.digest)
        schema = known or self._asked(Selection(version.name, digest=version.digest), deadline)
        return tuple(schema.kinds)

    def _followed(self, selection: Selection, used: Schema, answer: A) -> A:
        digest = answer.model.digest
        if digest in self._by_digest:
            self._schemas[selection] = self._by_digest[digest]
        elif digest != used.digest:
            self._schemas.pop(selection, None)
        return answer

    def _asked(self, selection: Selection, deadline: Deadline) -> Schema:
        self.learn(selection, self._describe(selection, deadline))
        return self._schemas[selection]


def _may_be_stale(error: RequestError, known: Schema) -> bool:
    if isinstance(error, InvalidInput):
        return any(violation.reason in _STALE_SCHEMA_REASONS for violation in error.violations)
    return isinstance(error, MessageTooLarge) and error.limit == known.max_message_bytes
