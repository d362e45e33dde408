"""Which columns of a table a job reads, and as what."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ridgeline.table_blocks import PlainNumbers
from ridgeline.tables import Columns
from ridgeline_client.description import Feature, ModelDescription
from ridgeline_client.score.errors import WrongTable

RESULT_COLUMNS = ("record_id", "price", "model_price", "lower", "upper", "flags", "error", "model")
"""The columns of every output, in order."""
DEFAULT_ID = "record_id"
KEPT_PREFIX = "input_"


@dataclass(frozen=True, slots=True)
class ColumnOptions:
    """What the user says about columns.

    Attributes:
        record_id: the column that names the rows; None: "record_id" if there is one, else rows are numbered.
        keep: carry every column of the input into the output.
        allow_missing: price without the features that the table does not have.
    """

    record_id: str | None = None
    keep: bool = False
    allow_missing: bool = False


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """What is read and what becomes of it."""

    features: Columns
    """The model's features that the table has, with the model's missing tokens."""
    record_id: str | None
    """The column that names the rows; None: rows are numbered from 1."""
    kept: dict[str, str]
    """Columns that are carried along, by their name in the output."""
    ignored: tuple[str, ...]
    """Columns that nobody reads."""
    absent: tuple[str, ...]
    """Features that the table does not have."""

    @property
    def wanted(self) -> list[str]:
        """Every column that is read, once."""
        ids = [] if self.record_id is None else [self.record_id]
        return list(dict.fromkeys([*self.features.names, *ids, *self.kept.values()]))

    @property
    def plain_numbers(self) -> PlainNumbers:
        """Columns of which only the numbers matter, and not how they are written."""
        as_written = {self.record_id, *self.kept.values()}
        numbers = [name for name in self.features.numeric if name not in as_written]
        return PlainNumbers(numbers, self.features.missing_tokens)


def plan_columns(names: Sequence[str], model: ModelDescription, options: ColumnOptions) -> ColumnPlan:
    """Pick the model's features, and what the options ask for, out of a table's columns.

    Raises:
        WrongTable: naming every column that is missing or there twice.
    """
    features = [feature for feature in model.features if feature.name in names]
    absent = tuple(feature.name for feature in model.features if feature.name not in names)
    record_id = options.record_id
    if record_id is None and DEFAULT_ID in names:
        record_id = DEFAULT_ID
    kept = _kept_names([name for name in names if name != record_id]) if options.keep else {}
    read = {feature.name for feature in features} | set(kept.values()) | {record_id}
    problems = [*_problems(names, read, options), *_absent_problems(names, model, options)]
    if not features:
        problems.append(f"no column is a feature of {model.model.name}")
    if problems:
        raise WrongTable("\n".join(problems))
    return ColumnPlan(
        features=Columns(
            numeric=[f.name for f in features if f.kind == "numeric"],
            categorical=[f.name for f in features if f.kind == "categorical"],
            missing_tokens=model.missing_tokens,
        ),
        record_id=record_id,
        kept=kept,
        ignored=tuple(name for name in dict.fromkeys(names) if name not in read),
        absent=absent,
    )


def _problems(names: Sequence[str], read: set[str | None], options: ColumnOptions) -> list[str]:
    twice = [name for name, count in Counter(names).items() if count > 1 and name in read]
    problems = [f"column {name!r} is there more than once: rename or remove one" for name in twice]
    if options.record_id is not None and options.record_id not in names:
        problems.append(f"there is no column {options.record_id!r} for the record ids (--id)")
    return problems


def _absent_problems(names: Sequence[str], model: ModelDescription, options: ColumnOptions) -> list[str]:
    known = {feature.name for feature in model.features}
    strays = [name for name in names if name not in known]
    absent = [feature for feature in model.features if feature.name not in names]
    if options.allow_missing:
        required = [feature for feature in absent if feature.required]
        return [f"feature column {f.name!r} is missing, and the model requires it" for f in required]
    problems = [f"feature column {feature.name!r} is missing{_hint(feature, strays)}" for feature in absent]
    if problems:
        problems.append("rename the columns, or price without them with --allow-missing")
    return problems


def _hint(feature: Feature, strays: Sequence[str]) -> str:
    folded = {stray.strip().casefold(): stray for stray in strays}
    close = difflib.get_close_matches(feature.name.casefold(), list(folded), n=1, cutoff=0.8)
    return f": is it {folded[close[0]]!r}?" if close else ""


def _kept_names(names: Sequence[str]) -> dict[str, str]:
    taken = {*names, *RESULT_COLUMNS}
    kept = {}
    for name in names:
        new = name
        while new in RESULT_COLUMNS or (new != name and new in taken):
            new = KEPT_PREFIX + new
        taken.add(new)
        kept[new] = name
    return kept
