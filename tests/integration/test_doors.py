"""One table, every door, one price: brands that read like missing values and whole numbers as categories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import grpc
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from ridgeline import tables
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline.v1.pricing_service_pb2_grpc import PricingServiceStub
from ridgeline_client import PricingClient
from ridgeline_export.export import export_model
from support import doors, toys
from support.doors import Answers, bit, worst_error
from support.notebook import fit_notebook, notebook_prices
from support.servers import serving

TOLERANCE = 1e-6
ALPHA = 0.05
TRAINING_ROWS = toys.ROWS * 7 // 10
BRANDS = ("NA", "None", "nan", "007", "Acme", None, "missing_value", "null", "7", "n/a", "NaN")
PORTS = (1, 3, 7, None, 5)


def asked() -> pd.DataFrame:
    """Every brand with every port, known or not: text or None, and int or None."""
    rng = np.random.default_rng(31)
    frame = pd.DataFrame(product(BRANDS, PORTS), columns=["brand", "port_code"], dtype=object)
    for name, low, high in (("ram", 2, 64), ("screen", 5, 17), ("weight", 0.1, 4)):
        frame[name] = rng.uniform(low, high, len(frame)).round(2)
        frame.loc[rng.random(len(frame)) < 0.1, name] = np.nan
    return frame


def notebook(training: pd.DataFrame, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """What a notebook that read `training` from a CSV says of `frame`; its port codes are numbers."""
    pipeline = fit_notebook(training, toys.NUMERIC, toys.CATEGORICAL, "price", ALPHA)
    # Missing is NaN in a notebook: no cell at all, and here also the schema's missing token.
    brand = frame["brand"].mask(frame["brand"].isna() | (frame["brand"] == "n/a"), np.nan)
    return notebook_prices(
        pipeline, frame.assign(brand=brand, port_code=frame["port_code"].astype("float64"))
    )


def training_window(path: Path) -> pd.DataFrame:
    """The first rows by day, as pandas reads them."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    assert frame["port_code"].dtype == np.float64
    return frame.sort_values("day", kind="stable")[:TRAINING_ROWS]


@pytest.fixture(scope="module")
def expected(toy_models: Path) -> npt.NDArray[np.float64]:
    """The notebook's prices of the rows that are asked for."""
    return notebook(training_window(toy_models.parent / "table.csv"), asked())


@pytest.fixture(scope="module")
def toy_stub(toy_client: PricingClient) -> Iterator[PricingServiceStub]:
    with grpc.insecure_channel(toy_client.target) as channel:
        yield PricingServiceStub(channel)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Port codes as text, as the wire has them."""
    return frame.assign(port_code=frame["port_code"].map(str, na_action="ignore"))


def check(answers: Answers, expected: npt.NDArray[np.float64], frame: pd.DataFrame) -> None:
    """The notebook's prices, and the notices that the categories deserve."""
    assert worst_error(answers.model_price, expected) <= TOLERANCE
    assert worst_error(answers.price, np.clip(expected, 50, 150)) <= TOLERANCE
    brand, port = frame["brand"].mask(frame["brand"] == "n/a"), frame["port_code"]
    unknown = (brand.notna() & ~brand.isin(BRANDS[:5])) | (port.notna() & ~port.isin(PORTS[:3]))
    np.testing.assert_array_equal(answers.has(pb.NOTICE_KIND_UNKNOWN_CATEGORY), unknown)
    gaps = brand.isna() | port.isna() | frame[list(toys.NUMERIC)].isna().any(axis=1)
    np.testing.assert_array_equal(answers.has(pb.NOTICE_KIND_IMPUTED), gaps)


def test_the_wire(toy_stub: PricingServiceStub, expected: npt.NDArray[np.float64]) -> None:
    frame = asked()
    records = doors.records(as_text(frame), toys.NUMERIC, toys.CATEGORICAL)
    check(doors.by_predict(toy_stub, records), expected, frame)
    check(doors.by_rows(toy_stub, records), expected, frame)


PORT_TYPES: dict[str, Callable[[pd.Series], pd.Series]] = {
    "int and None": lambda port: port,
    "float64 with NaN": lambda port: port.astype("float64"),
    "Int64": lambda port: port.astype("Int64"),
    "text": lambda port: port.map(str, na_action="ignore"),
    "text of floats": lambda port: port.map("{}.0".format, na_action="ignore"),
    "string": lambda port: port.astype("Int64").astype("string"),
    "category": lambda port: port.astype("Int64").astype("category"),
    "text with empty": lambda port: port.map(str, na_action="ignore").fillna(""),
}


@pytest.mark.parametrize("port_type", PORT_TYPES)
@pytest.mark.parametrize("ask", [doors.by_columns, doors.by_client])
def test_the_client_library(
    ask: Callable[[PricingClient, pd.DataFrame], Answers],
    port_type: str,
    toy_client: PricingClient,
    expected: npt.NDArray[np.float64],
) -> None:
    frame = asked()
    typed = frame.assign(port_code=PORT_TYPES[port_type](frame["port_code"]))
    check(ask(toy_client, typed), expected, frame)


def test_the_client_library_with_whole_numbers_and_no_gaps(
    toy_client: PricingClient, expected: npt.NDArray[np.float64]
) -> None:
    kept = asked()["port_code"].notna().to_numpy()
    frame = asked()[kept].reset_index(drop=True)
    for dtype in ("int64", "int8", "uint16"):
        typed = frame.assign(port_code=frame["port_code"].astype(dtype))
        check(doors.by_columns(toy_client, typed), expected[kept], frame)
        check(doors.by_client(toy_client, typed), expected[kept], frame)


def to_csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False)


def to_parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, index=False)


FILES = pytest.mark.parametrize(
    ("port_type", "write"),
    [
        ("text", to_csv),
        ("float64 with NaN", to_csv),  # pandas writes 3.0
        ("Int64", to_csv),
        ("text", to_parquet),
        ("float64 with NaN", to_parquet),
        ("Int64", to_parquet),
        ("category", to_parquet),
    ],
)


@FILES
def test_a_file(
    port_type: str,
    write: Callable[[pd.DataFrame, Path], None],
    tmp_path: Path,
    toy_client: PricingClient,
    expected: npt.NDArray[np.float64],
) -> None:
    frame = asked()
    write(frame.assign(port_code=PORT_TYPES[port_type](frame["port_code"])), tmp_path / "asked")
    schema = toy_client.describe()
    table = tables.read(
        tmp_path / "asked",
        tables.Columns(toys.NUMERIC, toys.CATEGORICAL, missing_tokens=schema.missing_tokens),
    )
    assert not table.bad_cells
    batch = toy_client.predict_batch({**table.numeric, **table.categorical})
    check(Answers(batch.price, batch.model_price, batch.flags), expected, frame)


@FILES
def test_training(
    port_type: str,
    write: Callable[[pd.DataFrame, Path], None],
    tmp_path: Path,
    toy_models: Path,
    expected: npt.NDArray[np.float64],
) -> None:
    frame = toys.table()
    port = frame["port_code"].replace("", None).map(int, na_action="ignore").astype(object)
    frame["port_code"] = PORT_TYPES[port_type](port.where(port.notna(), None))
    write(frame, tmp_path / "table")
    answers = _served(tmp_path / "table", toy_models.parent / "schema.toml", tmp_path, asked())
    check(answers, expected, asked())


def test_a_brand_called_missing_value_is_not_the_missing_brand(tmp_path: Path, toy_models: Path) -> None:
    table = toys.table()
    table["brand"] = table["brand"].replace("Acme", "missing_value")
    to_csv(table, tmp_path / "table")
    product = {"ram": 32.0, "screen": 11.0, "weight": 2.0, "port_code": 3}
    frame = pd.DataFrame([{"brand": brand, **product} for brand in ("missing_value", None)])
    answers = _served(tmp_path / "table", toy_models.parent / "schema.toml", tmp_path, frame)
    expected = notebook(training_window(tmp_path / "table"), frame)
    assert abs(expected[0] - expected[1]) > 0.5, "the two must differ for this to say anything"
    assert worst_error(answers.model_price, expected) <= TOLERANCE
    assert answers.flags.tolist() == [0, bit(pb.NOTICE_KIND_IMPUTED)]


def _served(table: Path, schema: Path, directory: Path, frame: pd.DataFrame) -> Answers:
    """What a server answers whose model was trained on this table."""
    export_model(table, schema, directory / "models", created=toys.CREATED)
    with serving(directory / "models") as app, PricingClient(app.address, timeout=30) as client:
        return doors.by_columns(client, frame[list(toys.FEATURES)])
