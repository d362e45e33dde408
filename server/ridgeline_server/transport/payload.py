"""The rows of a batch or of a chunk, in either form, to priced rows."""

from __future__ import annotations

import threading

from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.domain import PredictionBatch, PredictOptions, RecordBatch
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.blocks import in_blocks
from ridgeline_server.engine.predictor import predict
from ridgeline_server.engine.tally import tally
from ridgeline_server.errors import InvalidInput, RowLimitExceeded, Violation
from ridgeline_server.transport import unpack
from ridgeline_server.transport.call import Call

# NumPy lets other threads run at each step on a large array, so two batches at once would take turns fifty
# times over, each time on another CPU's cache. Blocks of them do.
_one_at_a_time = threading.Lock()


def priced(
    request: pb.PredictBatchRequest | pb.Chunk,
    version: Version,
    options: PredictOptions,
    limits: pb.Limits,
    call: Call,
) -> PredictionBatch:
    """Price the payload of a request. Raises PricingError for what no row can be blamed for, and when nobody
    waits for the answer any more."""
    form = request.WhichOneof("payload")

    def price(rows: RecordBatch) -> PredictionBatch:
        with _one_at_a_time:
            call.require_time()  # while it waited for its turn, its caller may have left
            return predict(version, rows, options)

    try:
        call.take(_row_count(request, limits))  # before work is done: to be refused must cost little
        answer = in_blocks(_rows(request, version), price)
    except InvalidInput as error:
        call.refused(version, error)
        raise error.below(form or "") from None
    call.priced(version, tally(answer))
    return answer


def _row_count(request: pb.PredictBatchRequest | pb.Chunk, limits: pb.Limits) -> int:
    """The rows a payload says it has, within the limits."""
    match request.WhichOneof("payload"):
        case "columns":
            unpack.require_row_count(request.columns.row_count, limits.max_rows)
            return request.columns.row_count
        case "rows":
            count = len(request.rows.records)
            if count > limits.max_records:
                raise RowLimitExceeded("records", count, limits.max_records)
            return count
    text = "the request has no payload: set columns or rows"
    raise InvalidInput([Violation(Reason.PAYLOAD_MISSING, text, "payload")])


def _rows(request: pb.PredictBatchRequest | pb.Chunk, version: Version) -> RecordBatch:
    if request.WhichOneof("payload") == "columns":
        return unpack.columns(request.columns, len(version.schema.features))
    return unpack.records(request.rows.records, version.schema)
