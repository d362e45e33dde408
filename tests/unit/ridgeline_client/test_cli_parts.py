from __future__ import annotations

import dataclasses
import io
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from ridgeline.notices import NoticeKind
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import answers, errors
from ridgeline_client.cli import failures, output, record, render
from ridgeline_client.results import Contribution, Explanation, Notice
from support.stub_server import description

NO_INPUT = io.StringIO()


def test_pairs_stay_text_and_may_hold_equal_signs() -> None:
    assert record.from_pairs(["ram=8", "brand=007", "note=a=b", "colour="]) == {
        "ram": "8",
        "brand": "007",
        "note": "a=b",
        "colour": "",
    }


def test_everything_wrong_with_the_pairs_is_said_at_once() -> None:
    with pytest.raises(record.BadRecord, match=r"'ram' is not.*'=5' is not.*brand is given twice"):
        record.from_pairs(["ram", "=5", "brand=a", "brand=b"])


def test_json_comes_from_the_argument_a_file_or_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text('\ufeff{"ram": 8}', encoding="utf-8")
    assert record.from_json(' {"ram": 8}', NO_INPUT) == {"ram": 8}
    assert record.from_json(str(path), NO_INPUT) == {"ram": 8}
    assert record.from_json("-", io.StringIO('{"ram": 8}')) == {"ram": 8}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('{"ram": 1, "ram": 2}', "given twice: ram"),
        ("{oops", "not JSON"),
        ("[1]", "one JSON object, got list"),
        ('{"ram": ' + "9" * 5_000 + "}", "no feature has a number of 5,000 digits: 9"),
        ('{"ram": ' + "[" * 100_000, "nested too deeply"),
        ("no-such-file.json", "cannot read no-such-file.json: No such file"),
        ("-", "one JSON object, got list"),
    ],
)
def test_what_is_no_json_record_is_said(source: str, message: str) -> None:
    with pytest.raises(record.BadRecord, match=message):
        record.from_json(source, io.StringIO("[1]"))


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(record.BadRecord, match="is not UTF-8 text"):
        record.from_json(str(path), NO_INPUT)


def test_a_demo_record_has_midpoints_and_frequent_categories_and_leaves_the_least_important_out() -> None:
    made_up = record.demo(answers.model_description(description()))
    assert made_up == {"screen_size": 6.0, "brand": "Auralite", "shelf": "7"}


def test_json_has_null_for_what_is_not_a_number() -> None:
    facts = Explanation(math.nan, (Contribution("ram", math.inf), Contribution("weight", 1.5)))
    text = output.to_json(facts, kind=NoticeKind.IMPUTED, when=datetime(2026, 1, 1, tzinfo=UTC))

    def refuse(name: str) -> None:
        raise AssertionError(name)

    assert json.loads(text, parse_constant=refuse) == {
        "base": None,
        "contributions": [{"feature": "ram", "amount": None}, {"feature": "weight", "amount": 1.5}],
        "kind": "IMPUTED",
        "when": "2026-01-01T00:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("error_class", "code"),
    [
        (errors.InvalidInput, 2),
        (errors.MessageTooLarge, 2),
        (errors.ModelNotFound, 2),
        (errors.PriceRejected, 3),
        (errors.PreconditionFailed, 3),
        (errors.Unavailable, 4),
        (errors.Overloaded, 4),
        (errors.DeadlineExceeded, 4),
        (errors.AccessDenied, 1),
        (errors.ServerError, 1),
    ],
)
def test_every_error_has_its_exit_code(error_class: type[errors.RidgelineError], code: int) -> None:
    assert failures.exit_code(error_class("x")) == code


def test_an_error_for_machines_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    rejected = errors.PriceRejected("[above] 500", reason="PRICE_REJECTED", request_id="r-1")
    failures.report(rejected, as_json=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["error"] == {
        "type": "PriceRejected",
        "message": "[above] 500",
        "reason": "PRICE_REJECTED",
        "request_id": "r-1",
    }


def test_an_error_for_people_keeps_its_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    failures.report(errors.InvalidInput('record.numeric["[red]ram"] is wrong'), as_json=False)
    assert 'record.numeric["[red]ram"] is wrong' in capsys.readouterr().err


def test_emoji_codes_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    refused = errors.InvalidInput("the brand :apple: is wrong")
    for as_json in (False, True):
        failures.report(refused, as_json=as_json)
        assert "the brand :apple: is wrong" in capsys.readouterr().err
    model = answers.model_description(description(currency_code=":apple:", target="[red]:apple:"))
    render.show(render.description(model))
    assert "[red]:apple: in :apple:" in capsys.readouterr().out


def test_notices_that_only_a_newer_server_knows_are_shown() -> None:
    newer = [pb.Notice(kind=42, message="first;"), pb.Notice(kind=42, message="second;")]  # type: ignore[arg-type] # that is the point
    answer = answers.prediction(pb.PredictResponse(prediction=pb.Prediction(price=1.0, notices=newer)))
    with (console := Console(width=100)).capture() as captured:
        console.print(render.prediction(answer, 0.9))
    for part in ("KIND_42", "first;", "second;"):
        assert part in captured.get()


def test_an_undefined_r2_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    wire = description(metrics=pb.Metrics(rmse=1, mae=1, r2=math.nan, row_count=1, interval_coverage=1))
    render.show(render.description(answers.model_description(wire)))
    assert "R2 undefined" in capsys.readouterr().out


def test_a_person_is_not_flooded_with_notices_of_one_kind() -> None:
    kinds = [NoticeKind.FALLBACK] + [NoticeKind.IMPUTED] * 30
    answer = answers.prediction(pb.PredictResponse(prediction=pb.Prediction(price=1.0, lower=1.0)))
    answer = dataclasses.replace(
        answer, notices=tuple(Notice(k, f"f{i}", "", "", f"text {i};") for i, k in enumerate(kinds))
    )
    with (console := Console(width=100)).capture() as captured:
        console.print(render.prediction(answer, 0.9))
    shown = captured.get()
    assert "text 0;" in shown
    assert "text 8;" in shown
    assert "text 9;" not in shown
    assert "and 22 more, --json shows all" in shown
