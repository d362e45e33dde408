"""What was simulated, as a table on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ridgeline_export.simulate.files import Summary


def show(summary: Summary, console: Console) -> None:
    """Print where the files are and what each planted fault costs alone."""
    paths = (summary.training_path, summary.production_path, summary.faults_path, summary.schema_path)
    for path in paths:
        console.print(f"wrote {escape(str(path))}", soft_wrap=True)
    console.print(
        f"{summary.training_rows} training rows; {summary.holdout_rows} later ones held out, RMSE of the "
        f"served price {summary.holdout_rmse:.2f} USD; {summary.production_rows} in the production month"
    )
    console.print(_costs(summary))


def _costs(summary: Summary) -> Table:
    table = Table(title="Production month: RMSE of the served price, USD", title_justify="left")
    table.add_column("recorded with")
    for cost in summary.costs:
        table.add_column(f"{cost.row_count} products", justify="right")
    table.add_row("no fault", *(f"{cost.no_fault:.2f}" for cost in summary.costs))
    for name in summary.costs[0].alone:
        table.add_row(f"{name} alone", *(f"{cost.alone[name]:.2f}" for cost in summary.costs))
    table.add_row("all faults", *(f"{cost.all_faults:.2f}" for cost in summary.costs))
    return table
