"""What the workload says must be refused is what a real server refuses, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from harness.rows import Shares
from harness.workload import Workload
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import InvalidInput, NoticeKind, PricingClient
from ridgeline_client.channel import method
from ridgeline_client.status import error_of
from support import toys
from support.servers import serving

ROWS = 500


@dataclass(frozen=True)
class Asked:
    """A workload and the channel to the server that it describes."""

    workload: Workload
    channel: grpc.Channel


@pytest.fixture(scope="module", params=["toys", "required", "techmart", *toys.KINDS])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    models: Path
    if request.param == "techmart":
        models = request.getfixturevalue("techmart_models")
    elif request.param in toys.KINDS:
        models = toys.export_one_kind(request.param, tmp_path_factory.mktemp(request.param))
    else:
        required = request.param == "required"
        models = toys.export(tmp_path_factory.mktemp(request.param), required=required)
    with serving(models) as app, grpc.insecure_channel(app.address) as channel:
        with PricingClient(app.address, timeout=30) as client:
            yield Asked(Workload(client.describe(), seed=3, shares=Shares(missing=0.1)), channel)


def refusals_of_unary(asked: Asked) -> dict[int, Reason]:
    predict: Any = asked.channel.unary_unary(
        method("Predict"), response_deserializer=pb.PredictResponse.FromString
    )
    refused = {}
    for row, request in enumerate(asked.workload.unary(ROWS)):
        try:
            predict(request.data, timeout=30)
        except grpc.RpcError as call:
            error = error_of(call, "server", 30)
            assert isinstance(error, InvalidInput)
            assert error.violation_count == 1
            refused[row] = Reason(error.violations[0].reason)
    return refused


def refusals_in(predictions: pb.PredictionBatch) -> dict[int, Reason]:
    assert predictions.error_row_count == len({error.row for error in predictions.row_errors})
    return {error.row: Reason(error.reason) for error in predictions.row_errors}


def refusals_of_batch(asked: Asked) -> dict[int, Reason]:
    call: Any = asked.channel.unary_unary(
        method("PredictBatch"), response_deserializer=pb.PredictBatchResponse.FromString
    )
    return refusals_in(call(asked.workload.batch(0, ROWS).data, timeout=30).predictions)


def refusals_of_stream(asked: Asked) -> dict[int, Reason]:
    call: Any = asked.channel.stream_stream(
        method("PredictStream"), response_deserializer=pb.PredictStreamResponse.FromString
    )
    chunk_rows = ROWS // 4
    chunks = [asked.workload.chunk(sequence, chunk_rows).data for sequence in range(4)]
    answers = list(call(iter([asked.workload.opening(), *chunks]), timeout=30))
    return {
        answer.result.sequence * chunk_rows + row: reason
        for answer in answers[1:]
        for row, reason in refusals_in(answer.result.predictions).items()
    }


def expected(asked: Asked) -> Mapping[int, Reason]:
    faults = asked.workload.rows(0, ROWS).faults
    assert len(faults) == ROWS // 50
    return faults


def test_single_rows_are_refused_exactly_where_and_why_the_workload_says(asked: Asked) -> None:
    assert refusals_of_unary(asked) == expected(asked)


def test_rows_of_a_batch_are_refused_exactly_where_and_why_the_workload_says(asked: Asked) -> None:
    assert refusals_of_batch(asked) == expected(asked)


def test_rows_of_a_stream_are_refused_exactly_where_and_why_the_workload_says(asked: Asked) -> None:
    assert refusals_of_stream(asked) == expected(asked)


def test_the_server_finds_the_missing_unseen_and_outside_cells_that_were_asked_for(
    techmart_client: PricingClient,
) -> None:
    description = techmart_client.describe()
    shares = Shares(missing=0.05, unseen=0.2, outside=0.1)
    rows = Workload(description, 1, shares).rows(0, 5_000)
    batch = techmart_client.predict_batch(rows.columns)
    valid = len(batch) - len(rows.faults)
    categorical = sum(feature.kind == "categorical" for feature in description.features)
    wider = sum(
        (feature.valid_min, feature.valid_max) != (feature.training_min, feature.training_max)
        for feature in description.features
        if feature.kind == "numeric"
    )

    def share(kind: NoticeKind, cells: int) -> float:
        return sum(n.count for n in batch.notice_counts if n.kind is kind) / (cells * valid)

    assert share(NoticeKind.IMPUTED, len(description.features)) == pytest.approx(0.05, rel=0.02)
    assert share(NoticeKind.UNKNOWN_CATEGORY, categorical) == pytest.approx(0.2 * 0.95, rel=0.05)
    assert share(NoticeKind.OUT_OF_TRAINING_RANGE, wider) == pytest.approx(0.1 * 0.95, rel=0.02)
