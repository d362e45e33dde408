"""PricingService: convert, call, convert."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ridgeline import packed
from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.access.register import require_role
from ridgeline_server.access.roles import FULL_VIEW_ROLES
from ridgeline_server.domain import PlainPrediction, PredictionBatch, PredictOptions
from ridgeline_server.engine.artifact import Version
from ridgeline_server.engine.notices import row_notices
from ridgeline_server.engine.predictor import explain, predict
from ridgeline_server.engine.tally import tally, tally_plain
from ridgeline_server.errors import InvalidInput, PriceRejected, Violation
from ridgeline_server.rollout.catalog import Catalog
from ridgeline_server.transport import fields, pack, unpack
from ridgeline_server.transport.call import Call
from ridgeline_server.transport.describe import description
from ridgeline_server.transport.fields import FieldLimit
from ridgeline_server.transport.payload import priced
from ridgeline_server.transport.rpc import UnaryMethod

_FIRST = np.array([0])

SERVICE = pb.DESCRIPTOR.services_by_name["PricingService"].full_name


class PricingServicer:
    """Answers with the versions of `catalog()`; `new_id` names answers."""

    def __init__(self, catalog: Callable[[], Catalog], limits: pb.Limits, new_id: Callable[[], str]) -> None:
        self._catalog = catalog
        self._limits = limits
        self._new_id = new_id
        self._by_digest: dict[str, pack.Answers] = {}

    def methods(self) -> Mapping[str, UnaryMethod]:
        """The methods that answer one message with one, by full name."""
        batch = FieldLimit(fields.PREDICT_BATCH, fields.most(self._limits))
        single = FieldLimit(fields.PREDICT, fields.SPARE_FIELDS)
        return {
            f"/{SERVICE}/Predict": UnaryMethod(pb.PredictRequest, self.predict, single.check),
            f"/{SERVICE}/PredictBatch": UnaryMethod(pb.PredictBatchRequest, self.predict_batch, batch.check),
            f"/{SERVICE}/DescribeModel": UnaryMethod(pb.DescribeModelRequest, self.describe_model),
        }

    def predict(self, request: pb.PredictRequest, call: Call) -> bytes:
        """Price one record. Raises PricingError."""
        version = call.version = self._version(request)
        call.take(1)
        options = unpack.options(request.options)
        try:
            answer = _plain(request, version, options) or _full(request, version, options)
        except InvalidInput as error:
            call.refused(version, error)
            raise error.below("record") from None
        answers, record_id = self._answers(version), request.record.record_id
        if isinstance(answer, PlainPrediction):
            call.priced(version, tally_plain(answer))
            parts, row = answers.plain(answer, record_id, self._new_id()), (answer.numbers, answer.texts)
        else:
            call.priced(version, tally(answer))
            _raise_refusal(version, answer)
            texts = answer.checked.categories.texts(_FIRST)[0].tolist()
            parts, row = answers.full(answer, record_id, self._new_id()), (answer.checked.numeric[0], texts)
        if request.explain:
            parts += pack.explanation(explain(version, *row))
        return b"".join(parts)

    def _answers(self, version: Version) -> pack.Answers:
        answers = self._by_digest.get(version.digest)
        if answers is None:
            answers = self._by_digest[version.digest] = pack.Answers(version)
        return answers

    def predict_batch(self, request: pb.PredictBatchRequest, call: Call) -> bytes:
        """Price many rows. Raises PricingError for what no row can be blamed for."""
        version = call.version = self._version(request)
        answer = priced(request, version, unpack.options(request.options), self._limits, call)
        response = pb.PredictBatchResponse(
            model=pack.model_ref(version),
            currency_code=version.manifest.currency,
            prediction_set_id=self._new_id(),
        )
        predictions = pack.prediction_batch(version, answer, request.notice_bitmaps)
        number = pb.PredictBatchResponse.PREDICTIONS_FIELD_NUMBER
        return b"".join([response.SerializeToString(), *packed.message(number, predictions)])

    def describe_model(self, request: pb.DescribeModelRequest, call: Call) -> bytes:
        """Describe a version. Raises PricingError."""
        version = call.version = self._version(request)
        if request.view not in pb.DescribeView.values():
            text = f"view is {request.view}: expected one of DescribeView"
            raise InvalidInput([Violation(Reason.INVALID_FIELD, text, "view")])
        if full := request.view == pb.DESCRIBE_VIEW_FULL:
            require_role(call.caller, FULL_VIEW_ROLES, "the FULL view")
        served = self._catalog().served_versions(version.manifest.name)
        return description(version, served, self._limits, full=full).SerializeToString()

    def _version(
        self, request: pb.PredictRequest | pb.PredictBatchRequest | pb.DescribeModelRequest
    ) -> Version:
        return self._catalog().resolve(request.model, unpack.pin(request.choice))


def _plain(request: pb.PredictRequest, version: Version, options: PredictOptions) -> PlainPrediction | None:
    if options is not unpack.NO_OPTIONS:
        return None
    values = unpack.plain_values(request.record, version.schema)
    return version.singles.price(*values) if values else None


def _full(request: pb.PredictRequest, version: Version, options: PredictOptions) -> PredictionBatch:
    return predict(version, unpack.records([request.record], version.schema), options)


def _raise_refusal(version: Version, answer: PredictionBatch) -> None:
    """Raise what a record is told that has no price."""
    if answer.checked.violations:
        refusal = InvalidInput(answer.checked.violations, count=answer.checked.violation_count)
        raise refusal.below("record")
    if pack.is_rejected(answer):
        raise PriceRejected(float(answer.model_price[0]), row_notices(version, answer)[0].message)
