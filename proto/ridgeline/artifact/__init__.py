"""The artifact contract: what `ridgeline-export` writes and the server reads.

One version is one directory `models/<name>/<version>/`, never rewritten:

    model.onnx       float64 graph, inputs `numeric` double[n, k] and `categorical` string[n, m], outputs
                     `price` double[n, 1] and `category_effects` double[n, m]; a model without numeric or
                     without categorical features lacks that input, and its effects
    numeric.onnx     the part of it that prices numbers without gaps: `numeric` double[n, k] to
                     `numeric_price` double[n, 1]; adding the effects to it from left to right gives `price`
                     in the same bits. A model without numeric features has no such file
    manifest.json    `Manifest`; its SHA-256 as stored is the version's digest
    linear.json      `LinearForm`: the same model as a formula
    reference.json   `ReferenceProfile`: what training data looked like
    golden.npz       arrays numeric float64[g, k], categorical unicode[g, m], price float64[g]
    manifest.sig     who vouches for it, see `signature`; not there when nobody signed

`numeric` holds the manifest's numeric features in order, NaN = missing; `categorical` its categorical
features in order, "" = missing. Readers ignore fields they do not know and refuse another major format.
"""

from __future__ import annotations

from ridgeline.artifact.fields import (
    Convention,
    GuardPolicy,
    Kind,
)
from ridgeline.artifact.files import (
    CATEGORICAL_INPUT,
    EFFECTS_OUTPUT,
    GOLDEN_FILE,
    LINEAR_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    NUMERIC_FILE,
    NUMERIC_INPUT,
    NUMERIC_OUTPUT,
    PARITY_TOLERANCE,
    PRICE_OUTPUT,
    REFERENCE_FILE,
    SIGNATURE_FILE,
    ArtifactError,
    digest,
    parse,
    to_bytes,
    version_directories,
)
from ridgeline.artifact.manifest import (
    FORMAT_MAJOR,
    FORMAT_VERSION,
    CategoryShare,
    Fallback,
    FallbackTable,
    Feature,
    Guard,
    Interval,
    Manifest,
    Metrics,
    Parity,
    Penalty,
    PriceRange,
    SegmentMetrics,
    Window,
    schema_fingerprint,
)
from ridgeline.artifact.profile import (
    CategoricalProfile,
    CategoricalTerm,
    LinearForm,
    NumericProfile,
    NumericTerm,
    ReferenceProfile,
)
from ridgeline.artifact.stored import read_checked, read_file

__all__ = [
    "CATEGORICAL_INPUT",
    "EFFECTS_OUTPUT",
    "FORMAT_MAJOR",
    "FORMAT_VERSION",
    "GOLDEN_FILE",
    "LINEAR_FILE",
    "MANIFEST_FILE",
    "MODEL_FILE",
    "NUMERIC_FILE",
    "NUMERIC_INPUT",
    "NUMERIC_OUTPUT",
    "PARITY_TOLERANCE",
    "PRICE_OUTPUT",
    "REFERENCE_FILE",
    "SIGNATURE_FILE",
    "ArtifactError",
    "CategoricalProfile",
    "CategoricalTerm",
    "CategoryShare",
    "Convention",
    "Fallback",
    "FallbackTable",
    "Feature",
    "Guard",
    "GuardPolicy",
    "Interval",
    "Kind",
    "LinearForm",
    "Manifest",
    "Metrics",
    "NumericProfile",
    "NumericTerm",
    "Parity",
    "Penalty",
    "PriceRange",
    "ReferenceProfile",
    "SegmentMetrics",
    "Window",
    "digest",
    "parse",
    "read_checked",
    "read_file",
    "schema_fingerprint",
    "to_bytes",
    "version_directories",
]
