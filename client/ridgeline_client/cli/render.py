"""Tables for people. Everything from outside goes through `Text`, so that no bracket is read as markup."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ridgeline_client.description import Feature, LinearForm, ModelDescription
from ridgeline_client.results import Explanation, ModelRef, Notice, Prediction

FILE_WIDTH = 140
TOP_CONTRIBUTIONS = 10
SHOWN_NOTICES = 8
"""Of each kind."""


def show(*parts: RenderableType) -> None:
    """Print to standard output; wide where nobody says how wide it is, as in a pipe or a file."""
    unknown = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    width = FILE_WIDTH if unknown else None
    Console(highlight=False, markup=False, emoji=False, width=width).print(Group(*parts))


def prediction(answer: Prediction, interval_level: float) -> RenderableType:
    """One price with its interval, notices and, when asked for, its explanation."""
    parts: list[RenderableType] = [_price_facts(answer, interval_level)]
    if answer.notices:
        parts.append(titled_table("Notices", ("notice", "what happened"), _notices(answer.notices)))
    if answer.explanation is not None:
        parts.append(_explanation(answer.explanation, answer))
    return Group(*parts)


def _notices(notices: Sequence[Notice]) -> Iterable[tuple[str, str]]:
    for kind in dict.fromkeys(notice.kind for notice in notices):
        of_kind = [notice for notice in notices if notice.kind == kind]
        yield from ((kind.name, notice.message) for notice in of_kind[:SHOWN_NOTICES])
        if len(of_kind) > SHOWN_NOTICES:
            yield kind.name, f"and {len(of_kind) - SHOWN_NOTICES} more, --json shows all"


def _price_facts(answer: Prediction, interval_level: float) -> Table:
    facts = [("Price", _money(answer.price, answer.currency))]
    if math.isnan(answer.lower):
        facts.append(("Interval", "none: the price is not the model's own, see the notices"))
    else:
        ends = f"{_money(answer.lower, answer.currency)} to {_money(answer.upper, answer.currency)}"
        facts.append((f"{interval_level:.0%} interval", ends))
    if answer.model_price != answer.price:
        facts.append(("Model price", _money(answer.model_price, answer.currency)))
    facts.append(("Model", _model(answer.model)))
    if answer.record_id:
        facts.append(("Record", answer.record_id))
    facts.append(("Prediction set", answer.prediction_set_id))
    return fact_table(facts)


def _explanation(explanation: Explanation, answer: Prediction) -> Table:
    top = explanation.largest(TOP_CONTRIBUTIONS)
    rest = len(explanation.contributions) - len(top)
    rows = [("average product", f"{explanation.base:,.2f}")]
    rows += [(part.feature, f"{part.amount:+,.2f}") for part in top]
    if rest:
        total = sum(part.amount for part in explanation.contributions) - sum(part.amount for part in top)
        rows.append((f"the other {rest} features", f"{total:+,.2f}"))
    rows.append(("model price", f"{answer.model_price:,.2f}"))
    return titled_table("Why this price", ("part", f"amount ({answer.currency})"), rows, right=(1,))


def description(model: ModelDescription) -> RenderableType:
    """What a model version expects and promises."""
    features = titled_table(
        f"{len(model.features)} features",
        ("feature", "unit", "valid", "training", "missing", "rank"),
        (_feature_row(feature) for feature in model.features),
        right=(4, 5),
    )
    parts: list[RenderableType] = [_model_facts(model), features]
    if model.linear_form is not None:
        parts.append(_linear_form(model.linear_form, model.currency))
    if model.reference_profile:
        rows = (
            (p.feature, f"{p.mean:g}", f"{p.standard_deviation:g}", " ".join(f"{d:g}" for d in p.deciles))
            for p in model.reference_profile
        )
        parts.append(titled_table("Training data", ("feature", "mean", "SD", "deciles"), rows, right=(1, 2)))
    return Group(*parts)


def _model_facts(model: ModelDescription) -> Table:
    guard, interval, metrics, limits = model.guard, model.interval, model.metrics, model.limits
    prices = f"{guard.min_price:g} to {guard.max_price:g} {model.currency}, outside: {guard.policy}"
    r2 = "undefined" if math.isnan(metrics.r2) else f"{metrics.r2:.4f}"
    accuracy = f"RMSE {metrics.rmse:.2f}, MAE {metrics.mae:.2f}, R2 {r2}"
    return fact_table(
        [
            ("Model", f"{model.model.name} version {model.model.version}"),
            ("Digest", model.model.digest),
            ("Predicts", f"{model.target} in {model.currency}"),
            ("Trained", model.created.isoformat()),
            ("Price range", prices),
            ("Fallback", f"above {guard.max_missing_share:.0%} of features missing"),
            ("Accuracy", f"{accuracy} on {metrics.row_count:,} later rows"),
            (
                f"{interval.level:.0%} interval",
                f"-/+ {interval.half_width:.2f}, covered {metrics.interval_coverage:.1%}",
            ),
            ("Limits", f"{limits.max_rows:,} rows, {limits.max_message_bytes:,} bytes a request"),
            ("Versions", ", ".join(map(str, model.served_versions))),
            ("Also missing", ", ".join(map(repr, model.missing_tokens)) or "nothing but empty"),
        ]
    )


def _feature_row(feature: Feature) -> tuple[str, ...]:
    if feature.kind == "categorical":
        seen = ", ".join(category.value or "(missing)" for category in feature.categories[:3])
        training = f"{seen}, ... {len(feature.categories)} values" if len(feature.categories) > 3 else seen
    else:
        training = _range(feature.training_min, feature.training_max)
    return (
        feature.name + (" *" if feature.required else ""),
        feature.unit,
        _range(feature.valid_min, feature.valid_max),
        training,
        f"{feature.missing_rate:.1%}",
        str(feature.importance_rank or ""),
    )


def _linear_form(form: LinearForm, currency: str) -> Table:
    rows = [("base", f"{form.base:,.4f}")]
    for term in form.numeric_terms:
        amount = f"{term.coefficient:+.4f} * (x - {term.centre:g}) / {term.scale:g}, missing: {term.fill:g}"
        rows.append((term.feature, amount))
    for category in form.categorical_terms:
        amounts = (f"{name or '(missing)'} {amount:+.2f}" for name, amount in category.amounts.items())
        rows.append((category.feature, ", ".join(amounts)))
    return titled_table(f"Linear form ({currency})", ("term", "amount"), rows)


def fact_table(pairs: Sequence[tuple[str, str]]) -> Table:
    """Names and what they are, without a frame."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name), Text(value))
    return table


def titled_table(
    title: str, headers: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()
) -> Table:
    """A table for people; `right`: columns of numbers."""
    table = Table(
        title=f"\n{title}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False
    )
    for place, header in enumerate(headers):
        number = place in right
        table.add_column(
            header, justify="right" if number else "left", overflow="fold", no_wrap=number or place == 0
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _money(amount: float, currency: str) -> str:
    return "none" if math.isnan(amount) else f"{amount:,.2f} {currency}"


def _model(ref: ModelRef) -> str:
    return f"{ref.name} version {ref.version} (digest {ref.digest[:12]})"


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
