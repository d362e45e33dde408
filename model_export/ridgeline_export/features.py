"""The features of a manifest: what the schema declares and what training saw."""

from __future__ import annotations

import numpy as np

from ridgeline.artifact import Feature
from ridgeline_export.dataset import Rows
from ridgeline_export.linear import importance_ranks
from ridgeline_export.schema import Schema
from ridgeline_export.training import Trained


def described_features(schema: Schema, training: Rows, trained: Trained) -> list[Feature]:
    """Return the features in the schema's order."""
    ranks = importance_ranks(trained.form, trained.shares)
    numeric, categorical = [[f.name for f in part] for part in (schema.numeric, schema.categorical)]
    described = []
    for declared in schema.features:
        common = declared.model_dump() | {"importance_rank": ranks[declared.name]}
        if declared.kind == "numeric":
            seen = training.numeric[:, numeric.index(declared.name)]
            present = seen[~np.isnan(seen)]
            common["missing_rate"] = (seen.size - present.size) / seen.size
            if present.size:
                common |= {"training_min": float(present.min()), "training_max": float(present.max())}
        else:
            shares = trained.shares[categorical.index(declared.name)]
            common["missing_rate"] = next((s.share for s in shares if s.value == ""), 0.0)
            common["categories"] = shares
        described.append(Feature(**common))
    return described
