"""PricingService: convert, call, convert."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.domain import PredictionBatch
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.notices import row_notices
from ridgeline_server.engine.predictor import explain, predict
from ridgeline_server.errors import InvalidInput, PriceRejected, Violation
from ridgeline_server.rollout.catalog import Catalog
from ridgeline_server.transport import pack, unpack
from ridgeline_server.transport.call import Call
from ridgeline_server.transport.describe import description
from ridgeline_server.transport.payload import priced
from ridgeline_server.transport.rpc import UnaryMethod

SERVICE = pb.DESCRIPTOR.services_by_name["PricingService"].full_name


class PricingServicer:
    """Answers with the versions of `catalog()`; `new_id` names answers."""

    def __init__(self, catalog: Callable[[], Catalog], limits: pb.Limits, new_id: Callable[[], str]) -> None:
        self._catalog = catalog
        self._limits = limits
        self._new_id = new_id

    def methods(self) -> Mapping[str, UnaryMethod]:
        """The methods that answer one message with one, by full name."""
        return {
            f"/{SERVICE}/Predict": UnaryMethod(pb.PredictRequest, self.predict),
            f"/{SERVICE}/PredictBatch": UnaryMethod(pb.PredictBatchRequest, self.predict_batch),
            f"/{SERVICE}/DescribeModel": UnaryMethod(pb.DescribeModelRequest, self.describe_model),
        }

    def predict(self, request: pb.PredictRequest, call: Call) -> pb.PredictResponse:
        """Price one record. Raises PricingError."""
        version = call.version = self._version(request)
        answer = _answer_record(request, version, call)
        if pack.is_rejected(answer):
            raise PriceRejected(float(answer.model_price[0]), row_notices(version, answer)[0].message)
        return pb.PredictResponse(
            model=pack.model_ref(version),
            currency_code=version.manifest.currency,
            prediction_set_id=self._new_id(),
            prediction=pack.prediction(version, answer, request.record.record_id),
            explanation=pack.explanation(explain(version, answer.checked)) if request.explain else None,
        )

    def predict_batch(self, request: pb.PredictBatchRequest, call: Call) -> pb.PredictBatchResponse:
        """Price many rows. Raises PricingError for what no row can be blamed for."""
        version = call.version = self._version(request)
        answer = priced(request, version, unpack.options(request.options), self._limits, call)
        return pb.PredictBatchResponse(
            model=pack.model_ref(version),
            currency_code=version.manifest.currency,
            prediction_set_id=self._new_id(),
            predictions=pack.prediction_batch(version, answer, request.notice_bitmaps),
        )

    def describe_model(self, request: pb.DescribeModelRequest, call: Call) -> pb.DescribeModelResponse:
        """Describe a version. Raises PricingError."""
        version = call.version = self._version(request)
        if request.view not in pb.DescribeView.values():
            text = f"view is {request.view}: expected one of DescribeView"
            raise InvalidInput([Violation(Reason.INVALID_FIELD, text, "view")])
        served = self._catalog().served_versions(version.manifest.name)
        return description(version, served, self._limits, full=request.view == pb.DESCRIBE_VIEW_FULL)

    def _version(
        self, request: pb.PredictRequest | pb.PredictBatchRequest | pb.DescribeModelRequest
    ) -> Version:
        return self._catalog().resolve(request.model, unpack.pin(request.choice))


def _answer_record(request: pb.PredictRequest, version: Version, call: Call) -> PredictionBatch:
    options = unpack.options(request.options)
    try:
        batch = unpack.records([request.record], version.schema.numeric, version.schema.categorical)
        answer = predict(version, batch, options)
    except InvalidInput as error:
        call.refused(version, error)
        raise error.below("record") from None
    call.priced(version, answer)
    if answer.checked.violations:
        refusal = InvalidInput(answer.checked.violations, count=answer.checked.violation_count)
        raise refusal.below("record")
    return answer
