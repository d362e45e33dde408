"""The TechMart market, simulated: a seed becomes training data and a production month with planted faults."""

from __future__ import annotations

from ridgeline_export.simulate.costs import Costs
from ridgeline_export.simulate.faults import FAULTS, plant
from ridgeline_export.simulate.files import DEFAULT_SEED, Summary, write
from ridgeline_export.simulate.market import Products
from ridgeline_export.simulate.schema import schema_toml
from ridgeline_export.simulate.tables import Market, draw, draw_month, table, training_means

__all__ = [
    "DEFAULT_SEED",
    "FAULTS",
    "Costs",
    "Market",
    "Products",
    "Summary",
    "draw",
    "draw_month",
    "plant",
    "schema_toml",
    "table",
    "training_means",
    "write",
]
