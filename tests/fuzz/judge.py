"""What must be true of every answer, whatever was asked. Raises AssertionError where it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from ridgeline.artifact import Manifest
from ridgeline.notices import NoticeKind
from ridgeline.v1 import pricing_service_pb2 as pb
from support.context import Aborted
from support.fuzz import DECLARED, LEAKS
from support.status import HEADER_LIST_LIMIT, decode, is_field_path

_REPLACED = NoticeKind.CLAMPED_LOW.bit | NoticeKind.CLAMPED_HIGH.bit | NoticeKind.FALLBACK.bit
_UNPRICED = NoticeKind.REJECTED.bit | NoticeKind.ROW_ERROR.bit
_CELLS = (NoticeKind.IMPUTED, NoticeKind.UNKNOWN_CATEGORY, NoticeKind.OUT_OF_TRAINING_RANGE)
_BY_FEATURE = (*_CELLS, NoticeKind.FEATURE_IGNORED)


def refusal(error: Aborted, request: type[Message], content: bytes) -> None:
    """A call that failed: a declared status, a header any peer takes, paths that lead to fields."""
    told = decode(error)
    assert told.code.name in DECLARED, f"{told.code.name}: {told.message}"
    assert told.header_list_bytes <= HEADER_LIST_LIMIT, f"{told.header_list_bytes} bytes of trailers"
    _texts([told.message, str(told.info)], content)
    _violations(told.violations, request, content)


def chunk_error(status: status_pb2.Status, content: bytes) -> str:
    """A chunk that was answered with an error: as `refusal`. Returns the name of its code."""
    code: str = code_pb2.Code.Name(status.code)
    assert code in DECLARED, f"{code}: {status.message}"
    _texts([status.message], content)
    bad = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(bad):
            _violations(list(bad.field_violations), pb.Chunk, content)
    return code


def _violations(
    violations: list[error_details_pb2.BadRequest.FieldViolation], request: type[Message], content: bytes
) -> None:
    for violation in violations:
        path = violation.field
        whole = not path.endswith("…")  # a long name was cut short
        assert not (path and whole) or is_field_path(request, path), f"{path} is no field"
        _texts([violation.description], content)


def _texts(texts: list[str], content: bytes) -> None:
    """No text holds an exception's, unless the caller sent it."""
    for text in texts:
        found = [leak for leak in LEAKS if leak in text and leak.encode() not in content]
        assert not found, f"{text!r} holds {found}"


def single(request: pb.PredictRequest, response: pb.PredictResponse, manifest: Manifest) -> None:
    """One price, with a notice for each flag."""
    said = response.prediction
    row = pb.PredictionBatch(
        price=[said.price],
        model_price=[said.model_price],
        lower=[said.lower],
        upper=[said.upper],
        flags=[said.flags],
    )
    _prices(row, manifest)
    assert not math.isnan(said.price), "no price, and no error"
    assert not _unsound([request.record], manifest), "a price for a record with an infinite number"
    assert said.record_id == request.record.record_id
    told = {NoticeKind(notice.kind) for notice in said.notices}
    assert told == {kind for kind in NoticeKind if said.flags & kind.bit}
    assert response.HasField("explanation") == request.explain
    if request.explain:
        _explained(response.explanation, said.model_price)


def _explained(explanation: pb.Explanation, model_price: float) -> None:
    amounts = [c.amount for c in explanation.contributions]
    total = explanation.base + sum(amounts)
    if math.isfinite(total):
        largest = max(map(abs, [*amounts, 1.0]))
        assert abs(total - model_price) <= 1e-6 * largest, f"{total} is explained, {model_price} was said"
    else:
        assert not math.isfinite(model_price), f"{total} is explained, {model_price} was said"


def batch(
    answer: pb.PredictionBatch, request: pb.PredictBatchRequest | pb.Chunk, bitmaps: bool, manifest: Manifest
) -> None:
    """As many prices as rows, with counts that add up."""
    if request.WhichOneof("payload") == "columns":
        rows, unsound = request.columns.row_count, _unsound_rows(request.columns, manifest)
        _lengths(request.columns)
    else:
        rows, unsound = len(request.rows.records), _unsound(request.rows.records, manifest)
    assert answer.row_count == len(answer.price) == rows, f"{rows} rows went in: {answer}"
    _prices(answer, manifest)
    wrong = {row for row, flags in enumerate(answer.flags) if flags & NoticeKind.ROW_ERROR.bit}
    assert unsound <= wrong, f"rows {unsound - wrong} have a price"
    assert answer.error_row_count == len(wrong)
    assert {error.row for error in answer.row_errors} <= wrong
    assert len(wrong) <= answer.row_error_count
    assert len(answer.row_errors) == min(answer.row_error_count, 1_000)
    for count in answer.notice_counts:
        kind = NoticeKind(count.kind)
        flagged = sum(flags & kind.bit != 0 for flags in answer.flags)
        assert 0 < count.count <= flagged, count
        assert count.count == flagged or kind in _BY_FEATURE, count
    assert [b.kind for b in answer.notice_bitmaps] == [kind.value for kind in _CELLS if bitmaps]
    _bitmaps(answer, len(manifest.features))


def _bitmaps(answer: pb.PredictionBatch, features: int) -> None:
    """A bitmap has bits where the flags have its kind, as many as are counted."""
    for bitmap in answer.notice_bitmaps:
        kind, bits = NoticeKind(bitmap.kind), int.from_bytes(bitmap.bits, "little")
        assert len(bitmap.bits) == math.ceil(answer.row_count * features / 8)
        flagged = [bits >> row * features & (1 << features) - 1 != 0 for row in range(answer.row_count)]
        assert flagged == [flags & kind.bit != 0 for flags in answer.flags], kind
        assert bits.bit_count() == sum(c.count for c in answer.notice_counts if c.kind == kind.value), kind


def _lengths(columns: pb.RecordBatch) -> None:
    """Every column is as long as it should be."""
    rows, numeric = columns.row_count, columns.numeric
    values = len(numeric.double_values.values) + len(numeric.float_values.values)
    assert values == rows * len(numeric.names), f"{values} values of {rows} rows were priced"
    for column in (columns.record_ids, columns.event_times_us):
        assert len(column) in (0, rows), f"{len(column)} entries for {rows} rows were taken"
    for category in columns.categorical:
        assert len(category.codes) == rows, f"{len(category.codes)} codes of {rows} rows were priced"


def _unsound(records: Sequence[pb.Record], manifest: Manifest) -> set[int]:
    """Which records have an infinite number."""
    names = [feature.name for feature in manifest.numeric]
    return {
        row
        for row, record in enumerate(records)
        if any(math.isinf(record.numeric.get(n, 0.0)) for n in names)
    }


def _unsound_rows(columns: pb.RecordBatch, manifest: Manifest) -> set[int]:
    """Which rows have an infinite number, or a code that is in no dictionary."""
    known = {feature.name for feature in manifest.features}
    numeric = columns.numeric
    values = numeric.float_values.values or numeric.double_values.values
    found = {
        place // len(numeric.names)
        for place, value in enumerate(values)
        if math.isinf(value) and numeric.names[place % len(numeric.names)] in known
    }
    for column in columns.categorical:
        if column.name in known:
            size = len(column.dictionary)
            found |= {row for row, code in enumerate(column.codes) if not 0 <= code <= size}
    return found


def _prices(answer: pb.PredictionBatch, manifest: Manifest) -> None:
    """Every price is where its flags say: the model's, at an end of the range, or nowhere."""
    low, high = manifest.price_range.min, manifest.price_range.max
    rows = zip(answer.price, answer.model_price, answer.lower, answer.upper, answer.flags, strict=True)
    for price, model, lower, upper, flags in rows:
        told = f"price {price}, model {model}, interval {lower} to {upper}, flags {flags:b}"
        if flags & _UNPRICED:
            assert math.isnan(price), told
        else:
            assert low <= price <= high, told
        if flags & (_UNPRICED | _REPLACED):
            assert math.isnan(lower), told
            assert math.isnan(upper), told
        else:
            assert price == model, told
            assert low <= lower <= price <= upper <= high, told
