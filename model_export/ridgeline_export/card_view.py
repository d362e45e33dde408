"""The model card as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from ridgeline.artifact import Feature, Interval, Manifest, Metrics, Window
from ridgeline_export.card import Card, effect, notes, top_features, worst_segments
from ridgeline_export.schema_rules import TIER

METRIC_HEADERS = ("rows", "RMSE", "MAE", "bias", "R2", "95% of errors below")


def show(card: Card, console: Console) -> None:
    """Print a card."""
    for part in _parts(card):
        console.print(part)


def _parts(card: Card) -> Iterator[RenderableType]:
    manifest = card.manifest
    yield _facts(card)
    rows: list[tuple[str, str, Metrics]] = [("all", "", manifest.metrics)]
    rows += [(TIER, segment.value, segment) for segment in manifest.segments if segment.feature == TIER]
    yield _metrics_table(f"Served price on the holdout, {manifest.currency}", rows)
    if worst := worst_segments(manifest):
        yield _metrics_table("Worst segments", [(s.feature, s.value, s) for s in worst])
    yield _features(card)
    if found := list(notes(manifest)):
        yield "[bold]Look at[/bold]"
        yield from (escape(f"  - {note}") for note in found)


def _facts(card: Card) -> Table:
    manifest = card.manifest
    penalty, guard = manifest.penalty, manifest.guard
    low, high = manifest.price_range.min, manifest.price_range.max
    lines = [
        ("model", f"{manifest.name}, version {manifest.version}"),
        ("directory", str(card.path)),
        ("digest", card.digest),
        ("created", manifest.created.isoformat()),
        (
            "predicts",
            f"{manifest.target} in {manifest.currency}, {low:g} to {high:g}; outside: {guard.policy}",
        ),
        ("features", f"{len(manifest.numeric)} numeric, {len(manifest.categorical)} categorical"),
        ("training", _window(manifest.training)),
        ("holdout", _window(manifest.holdout)),
        ("penalty", f"{penalty.value:g} ({penalty.convention}), alpha {penalty.alpha:g}"),
        ("interval", _interval(manifest.interval)),
        ("fallback", f"{manifest.fallback.overall:.2f} overall{_fallback_tables(manifest)}"),
        ("proof", f"{manifest.parity.row_count} rows, largest error {manifest.parity.largest_error:.1e}"),
    ]
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, text in lines:
        table.add_row(f"[bold]{name}[/bold]", escape(text))
    return table


def _interval(interval: Interval) -> str:
    covered = f"covered {interval.coverage:.1%} of {interval.coverage_rows} later rows"
    return f"{interval.level:.0%}: price -/+ {interval.half_width:.2f}; {covered}"


def _window(window: Window) -> str:
    span = f", {window.first} to {window.last}" if window.first else ""
    return f"{window.row_count} rows{span}"


def _fallback_tables(manifest: Manifest) -> str:
    names = [table.feature for table in manifest.fallback.tables]
    return f", by {', '.join(names)}" if names else ""


def _metrics_table(title: str, rows: Iterable[tuple[str, str, Metrics]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("segment")
    table.add_column("value")
    for header in METRIC_HEADERS:
        table.add_column(header, justify="right")
    for feature, value, metrics in rows:
        shown = value or ("(missing)" if feature != "all" else "")
        table.add_row(escape(feature), escape(shown), *_numbers(metrics))
    return table


def _numbers(metrics: Metrics) -> Sequence[str]:
    r2 = "-" if metrics.r2 is None else f"{metrics.r2:.3f}"
    errors = (metrics.rmse, metrics.mae, metrics.bias)
    return [str(metrics.row_count), *(f"{e:.2f}" for e in errors), r2, f"{metrics.p95_absolute_error:.2f}"]


def _features(card: Card) -> Table:
    table = Table(title="Features that move prices most", title_justify="left")
    for header in ("", "feature", "unit", "seen in training", "missing", f"effect, {card.manifest.currency}"):
        table.add_column(header, justify="right" if header == "missing" else "left")
    for feature in top_features(card.manifest):
        low, high = effect(card.form, feature.name)
        moves = f"{low:+.2f} to {high:+.2f}" if feature.kind == "categorical" else f"{high:.2f} per SD"
        table.add_row(
            str(feature.importance_rank),
            escape(feature.name),
            escape(feature.unit),
            escape(_seen(feature)),
            f"{feature.missing_rate:.1%}",
            moves,
        )
    return table


def _seen(feature: Feature) -> str:
    if feature.kind == "categorical":
        known = [category.value for category in feature.categories if category.value]
        return f"{len(known)} categories: {', '.join(known[:3])}{', ...' if len(known) > 3 else ''}"
    if feature.training_min is None or feature.training_max is None:
        return "nothing"
    return f"{_short(feature.training_min)} to {_short(feature.training_max)}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e12 else f"{value:.4g}"
