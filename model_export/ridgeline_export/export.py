"""From a table and a schema to a published version: read, train, judge, convert, prove, write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ridgeline.artifact import (
    GOLDEN_FILE,
    LINEAR_FILE,
    REFERENCE_FILE,
    Feature,
    Manifest,
    Parity,
    Penalty,
    digest,
    schema_fingerprint,
    to_bytes,
)
from ridgeline_export.dataset import Dataset, read_dataset
from ridgeline_export.evaluation import Evaluation, evaluate
from ridgeline_export.features import described_features
from ridgeline_export.fused_graph import published_graphs
from ridgeline_export.golden import golden_rows, to_npz
from ridgeline_export.parity import Graphs, Group, prove
from ridgeline_export.pipeline import predict
from ridgeline_export.progress import Progress, silent
from ridgeline_export.release import check_directory, publish
from ridgeline_export.schema import Schema, load
from ridgeline_export.stock_graph import stock_graph
from ridgeline_export.training import Trained, train

STAGES = ("reading", "training", "judging", "converting", "proof", "writing")


def export_model(
    table: Path, schema: Path, out: Path, *, created: datetime, progress: Progress = silent
) -> Path:
    """Train on a table and publish the model as the next version below `out`; returns `out/<name>/<version>`.

    Raises:
        InputError: the schema or the table has problems, all named; or a file is in the way of `out`.
        ExportError: the exported model does not price as the trained one; nothing is written.
        OSError: `out` cannot be written.
    """
    rules = load(schema)
    check_directory(out / rules.model.name)
    progress("reading", 0, 1)
    dataset = read_dataset(table, rules)
    progress("reading", 1, 1)
    progress("training", 0, 1)
    trained = train(dataset, rules)
    progress("training", 1, 1)
    progress("judging", 0, 1)
    evaluation = evaluate(trained, dataset, rules)
    progress("judging", 1, 1)
    return _export(_Run(rules, dataset, trained, evaluation, created), out, progress)


@dataclass(frozen=True)
class _Run:
    schema: Schema
    dataset: Dataset
    trained: Trained
    evaluation: Evaluation
    created: datetime


def _export(run: _Run, out: Path, progress: Progress) -> Path:
    schema, trained = run.schema, run.trained
    progress("converting", 0, 1)
    published = published_graphs(trained.pipeline, len(schema.numeric), schema.model.name)
    stock = stock_graph(trained.pipeline, len(schema.numeric), len(schema.categorical), schema.model.name)
    features = described_features(schema, run.dataset.training, trained)
    golden = golden_rows(run.dataset.holdout, features)
    progress("converting", 1, 1)
    groups = [
        Group("row", r.number, r.numeric, r.categorical) for r in (run.dataset.training, run.dataset.holdout)
    ]
    numbers = np.arange(len(golden.numeric), dtype=np.int64)
    groups.append(Group("golden row", numbers, golden.numeric, golden.categorical))
    parity = prove(Graphs.of(stock, published), trained, groups, progress)
    files = {
        **published,
        LINEAR_FILE: to_bytes(trained.form),
        REFERENCE_FILE: to_bytes(run.evaluation.profile),
        GOLDEN_FILE: to_npz(golden, predict(trained.pipeline, golden.numeric, golden.categorical)),
    }
    digests = {name: digest(content) for name, content in files.items()}

    def manifest(version: int) -> bytes:
        return to_bytes(_manifest(run, features, parity, digests, version))

    progress("writing", 0, 1)
    path = publish(out / schema.model.name, files, manifest)
    progress("writing", 1, 1)
    return path


def _manifest(
    run: _Run, features: list[Feature], parity: Parity, digests: dict[str, str], version: int
) -> Manifest:
    schema, evaluation = run.schema, run.evaluation
    penalty = Penalty(
        value=schema.penalty.value, convention=schema.penalty.convention, alpha=run.trained.alpha
    )
    return Manifest(
        name=schema.model.name,
        version=version,
        created=run.created,
        target=schema.model.target,
        currency=schema.model.currency,
        missing_tokens=schema.model.missing_tokens,
        features=tuple(features),
        schema_fingerprint=schema_fingerprint(features),
        price_range=schema.price_range,
        guard=schema.guard,
        fallback=evaluation.fallback,
        interval=evaluation.interval,
        metrics=evaluation.metrics,
        segments=evaluation.segments,
        penalty=penalty,
        training=run.dataset.training_window,
        holdout=run.dataset.holdout_window,
        parity=parity,
        files=digests,
    )
