"""Outputs: whatever is taken back and written again, the file is that of one undisturbed pass."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ridgeline_client.score import csv_text, outputs
from ridgeline_client.score.errors import JobRefused

NAMES = ["out.csv", "out.csv.gz", "out.csv.zst", "out.parquet"]
STEPS = [
    pa.table({"a": pa.array([f"{step}-{row}" for row in range(3)]), "n": pa.array([step] * 3, pa.int32())})
    for step in range(7)
]
SCHEMA = STEPS[0].schema


def write(directory: Path, name: str, steps: Sequence[pa.Table]) -> tuple[Path, list[int]]:
    """Write steps; returns the target, not finished, and the length after each, from the beginning on."""
    directory.mkdir()
    output = outputs.output_in(directory, directory.parent / name)
    lengths = [output.begin(SCHEMA, None)]
    lengths += [output.commit(step) for step in steps]
    return directory.parent / name, lengths


def finish(directory: Path, target: Path, length: int) -> bytes:
    outputs.output_in(directory, target).finish(target, length)
    return target.read_bytes()


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def undisturbed(tmp_path: Path, name: str) -> bytes:
    (tmp_path / "reference").mkdir()
    target, lengths = write(tmp_path / "reference" / "job", name, STEPS)
    return finish(tmp_path / "reference" / "job", target, lengths[-1])


def decoded(name: str, data: bytes) -> bytes:
    if name.endswith(".gz"):
        return gzip.decompress(data)
    if name.endswith(".zst"):
        with pa.input_stream(pa.BufferReader(data), compression="zstd") as stream:
            return bytes(stream.read())
    return data


def test_the_file_has_every_step_once_and_in_order(name: str, undisturbed: bytes) -> None:
    whole = pa.concat_tables(STEPS)
    if name.endswith(".parquet"):
        assert pq.read_table(io.BytesIO(undisturbed)) == whole
    else:
        assert decoded(name, undisturbed) == csv_text.header(SCHEMA.names) + csv_text.lines(whole)


@pytest.mark.parametrize("kept", range(len(STEPS) + 1))
@pytest.mark.parametrize("more", [0, 1, 2])
def test_going_on_after_any_step_gives_the_same_bytes(
    tmp_path: Path, name: str, undisturbed: bytes, kept: int, more: int
) -> None:
    """`more` steps were written beyond the one that was kept, and something torn behind them."""
    directory = tmp_path / "job"
    target, lengths = write(directory, name, STEPS[: kept + more])
    torn = directory / ("rows" if not name.endswith(".parquet") else f"part-{kept:07}.parquet")
    with torn.open("ab") as file:
        file.write(b"torn")
    output = outputs.output_in(directory, target)
    assert output.begin(SCHEMA, lengths[kept]) == lengths[kept]
    length = lengths[kept]
    for step in STEPS[kept:]:
        length = output.commit(step)
    assert finish(directory, target, length) == undisturbed


def test_finishing_again_after_the_output_appeared_changes_nothing(
    tmp_path: Path, name: str, undisturbed: bytes
) -> None:
    target, lengths = write(tmp_path / "job", name, STEPS)
    assert finish(tmp_path / "job", target, lengths[-1]) == undisturbed
    assert finish(tmp_path / "job", target, lengths[-1]) == undisturbed


def test_no_steps_make_a_file_with_names_alone(tmp_path: Path, name: str) -> None:
    target, lengths = write(tmp_path / "job", name, [])
    data = finish(tmp_path / "job", target, lengths[-1])
    if name.endswith(".parquet"):
        assert pq.read_table(io.BytesIO(data)) == SCHEMA.empty_table()
    else:
        assert decoded(name, data) == b"a,n\n"


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [Path.unlink, cut_short])
def test_what_was_written_and_is_gone_is_said(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    directory = tmp_path / "job"
    target, lengths = write(directory, name, STEPS)
    damage(directory / ("rows" if not name.endswith(".parquet") else "part-0000003.parquet"))
    with pytest.raises(
        JobRefused, match="does not hold any more what was written: begin anew with --restart"
    ):
        outputs.output_in(directory, target).finish(target, lengths[-1])
    assert not target.exists()


@pytest.mark.parametrize(
    ("name", "kind", "compression"),
    [
        ("a.csv", "csv", ""),
        ("a.CSV", "csv", ""),
        ("a.csv.gz", "csv", ".gz"),
        ("a.CSV.GZ", "csv", ".gz"),
        ("a.b.csv.zst", "csv", ".zst"),
        ("a.parquet", "parquet", ""),
        ("A.PARQUET", "parquet", ""),
        (".parquet", "parquet", ""),
        ("a.csv.pq", "parquet", ""),
    ],
)
def test_a_name_tells_format_and_compression(name: str, kind: str, compression: str) -> None:
    outputs.check_name(Path(name))
    assert outputs.format_of(Path(name)) == kind
    assert outputs.compression_of(Path(name)) == compression


@pytest.mark.parametrize(
    "name", ["a", "a.txt", "a.csv.bz2", "a.csv.xz", "a.xlsx", "a.parquet.gz", "a.gz", "csv", "parquet"]
)
def test_a_name_that_tells_no_format_is_refused(name: str) -> None:
    with pytest.raises(JobRefused, match=r"ends in .csv, .csv.gz, .csv.zst, .parquet"):
        outputs.check_name(Path(name))


def test_a_pipe_gets_one_header_however_often_a_version_begins() -> None:
    pipe = io.BytesIO()
    output = outputs.PipeOutput(pipe)
    output.begin(SCHEMA, None)
    output.begin(SCHEMA, None)
    length = output.commit(STEPS[0])
    assert output.begin(SCHEMA, length) == length == len(pipe.getvalue())
    output.commit(STEPS[1])
    assert pipe.getvalue() == csv_text.header(SCHEMA.names) + csv_text.lines(pa.concat_tables(STEPS[:2]))
