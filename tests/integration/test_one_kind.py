"""Models of numbers alone and of categories alone are served like any other."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ridgeline_client import InvalidInput, NoticeKind, PricingClient
from support import toys
from support.servers import serving

ROWS: dict[str, dict[str, list[Any]]] = {
    "numeric": {"ram": [8.0, math.nan, 1_000.0, 30.5], "screen": [11.0, 6.0, math.nan, 9.25]},
    "categorical": {"brand": ["Acme", "", "who", "NA"], "port_code": ["1", "7", "3", ""]},
}
EMPTY = {"ram": math.nan, "brand": ""}


@pytest.mark.parametrize("kind", toys.KINDS)
def test_a_model_of_one_kind_prices_explains_and_refuses(kind: str, tmp_path: Path) -> None:
    with serving(toys.export_one_kind(kind, tmp_path)) as app, PricingClient(app.address) as client:
        columns = ROWS[kind]
        batch = client.predict_batch(columns, notice_bitmaps=True)
        records = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
        for row, record in enumerate(records):
            single = client.predict(record, explain=True)
            assert (single.price, single.flags) == (batch.price[row], batch.flags[row])
            assert single.explanation is not None
            amounts = [part.amount for part in single.explanation.contributions]
            assert single.explanation.base + sum(amounts) == pytest.approx(single.model_price, abs=1e-6)
        missing = batch.cells(NoticeKind.IMPUTED)
        expected = [[cell != cell or cell == "" for cell in cells] for cells in columns.values()]
        assert missing[:, : len(expected)].T.tolist() == expected
        assert np.isfinite(batch.price).all()
        empty = {name: value for name, value in EMPTY.items() if name in columns}
        with pytest.raises(InvalidInput, match="every feature is missing"):
            client.predict(empty)
