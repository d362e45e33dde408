"""Names behind paths such as `columns.numeric.names[2]`, which only the sender of the columns knows."""

from __future__ import annotations

import re
from dataclasses import replace

from ridgeline_client.errors import InvalidInput, Violation
from ridgeline_client.table import Batch

_COLUMN = re.compile(r"columns\.(numeric\.names|categorical)\[([0-9]{1,9})\]")


def named(error: InvalidInput, batch: Batch) -> InvalidInput:
    """Return a refusal with its columns called by name."""
    return error.with_violations([_named(violation, batch) for violation in error.violations])


def _named(violation: Violation, batch: Batch) -> Violation:
    found = _COLUMN.match(violation.field)
    if violation.feature or found is None:
        return violation
    numeric, place = found[1] == "numeric.names", int(found[2])
    names = list(batch.numeric if numeric else batch.categorical)
    return replace(violation, feature=names[place]) if place < len(names) else violation
