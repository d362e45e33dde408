"""Rows as a caller holds them, and the two forms in which they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ridgeline.v1 import pricing_service_pb2 as pb


@dataclass
class Row:
    """One product; a feature without a value is not in it."""

    numeric: dict[str, float]
    categorical: dict[str, str]
    codes: dict[str, int] = field(default_factory=dict)
    """For the columns form: what stands in place of a category's code. A negative number is the code itself,
    any other counts from the first code beyond the dictionary."""

    def record(self) -> pb.Record:
        """The row as a record."""
        return pb.Record(numeric=self.numeric, categorical=self.categorical)


def is_number(feature: pb.Feature) -> bool:
    """True for a numeric feature."""
    return bool(feature.kind == pb.FEATURE_KIND_NUMERIC)


def columns(rows: Sequence[Row], features: Sequence[pb.Feature]) -> pb.RecordBatch:
    """The rows in columns: every feature has one, in the order given."""
    batch = pb.RecordBatch(row_count=len(rows))
    numeric = [feature.name for feature in features if is_number(feature)]
    batch.numeric.names.extend(numeric)
    matrix = [row.numeric.get(name, np.nan) for row in rows for name in numeric]
    batch.numeric.double_values.values.extend(matrix)
    for feature in features:
        if not is_number(feature):
            batch.categorical.append(_column(feature.name, rows))
    return batch


def _column(name: str, rows: Sequence[Row]) -> pb.CategoricalColumn:
    texts = sorted({row.categorical.get(name, "") for row in rows})
    codes = {text: place for place, text in enumerate(texts, start=1)} | {"": 0}
    return pb.CategoricalColumn(
        name=name, dictionary=texts, codes=[_code(row, name, codes, len(texts)) for row in rows]
    )


def _code(row: Row, name: str, codes: Mapping[str, int], entries: int) -> int:
    if name not in row.codes:
        return codes[row.categorical.get(name, "")]
    return row.codes[name] if row.codes[name] < 0 else entries + 1 + row.codes[name]
