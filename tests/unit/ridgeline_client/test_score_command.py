"""What the command does around a job: pipes, signals, speed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
import typer

from ridgeline.tables import TableError
from ridgeline_client.cli import score, score_view
from ridgeline_client.score.columns import ColumnOptions, plan_columns
from ridgeline_client.score.job import Report
from ridgeline_client.score.progress import Input, Progress
from ridgeline_client.score.summary import Counts
from support.fake_pricing import described


def test_a_pipe_is_read_in_full_pieces_however_it_is_filled() -> None:
    receiving, sending = os.pipe()

    def fill() -> None:
        for piece in (b"a", b"bc", b"def", b"gh"):
            os.write(sending, piece)
        os.close(sending)

    writer = threading.Thread(target=fill)
    with score._Pipe(receiving) as pipe:
        writer.start()
        assert [pipe.read(4), pipe.read(3), pipe.read(0), pipe.read(4), pipe.read(4)] == [
            b"abcd",
            b"efg",
            b"",
            b"h",
            b"",
        ]
    writer.join()


def test_an_input_that_is_a_named_pipe_is_read_as_one(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(b"ram\n1\n",))
    writer.start()
    opened = score._opened_input(str(fifo))
    assert isinstance(opened, score._Pipe)
    with opened:
        assert opened.read(100) == b"ram\n1\n"
    writer.join()


@pytest.mark.parametrize("name", ["in.csv", "."])
def test_a_path_that_is_no_pipe_stays_a_path(name: str) -> None:
    assert score._opened_input(name) == Path(name)


def test_an_input_that_cannot_be_opened_is_said() -> None:
    with pytest.raises(TableError, match="cannot be read"):
        score._opened_input("x" * 300)


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        (__file__, "out.csv", "stopped by SIGTERM: the same command goes on where it was\n"),
        (__file__, "-", "stopped by SIGTERM\n"),
        ("-", "out.csv", "stopped by SIGTERM\n"),
        ("/dev/null", "out.csv", "stopped by SIGTERM\n"),
    ],
)
def test_a_signal_says_what_the_same_command_will_do(
    capsys: pytest.CaptureFixture[str], source: str, target: str, said: str
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as ended:
        with score._signals(source, target):
            signal.raise_signal(signal.SIGTERM)
    assert ended.value.exit_code == 128 + signal.SIGTERM
    assert capsys.readouterr().err == said
    assert signal.getsignal(signal.SIGTERM) is before


class Reader:
    row_count = 1_000
    size = None


def test_the_speed_is_that_of_all_versions_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    view = score_view.View("in.csv", "out.csv")
    plan = plan_columns(["ram", "brand"], described(), ColumnOptions())
    for rows in (200, 600):  # the first 200 were done before; the other version begins after 4 seconds
        view.begun(described(), plan, cast("Any", Reader()), rows)
        now[0] += 4.0
    done = Progress("", Input(0), {}, (), rows=1_000, counts=Counts(priced=1_000))
    view.say(Report(done, resumed_rows=200), as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert (facts["seconds"], facts["rows_per_second"]) == (8.0, 100)


def test_a_job_that_only_had_to_be_finished_has_no_speed(capsys: pytest.CaptureFixture[str]) -> None:
    done = Progress("", Input(0), {}, (), rows=1_000, finished=True)
    score_view.View("in.csv", "out.csv").say(Report(done, resumed_rows=1_000), as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["seconds"], facts["rows_per_second"]) == (1_000, 0.0, 0)
