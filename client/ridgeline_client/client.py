"""PricingClient: prices from a Ridgeline server, one product or many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Self

import grpc

from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import addresses, answers, channel, convert, health
from ridgeline_client.calls import Calls, Deadline, checked_bytes
from ridgeline_client.description import ModelDescription
from ridgeline_client.errors import InvalidInput, ModelNotFound, Violation
from ridgeline_client.results import Prediction, PredictionBatch
from ridgeline_client.schema import Schema, SchemaCache, Selection

UnknownFeatures = Literal["reject", "ignore_and_report"]

DEFAULT_TARGET = "localhost:50051"
DEFAULT_TIMEOUT = 2.0
"""Seconds: hundreds of times what a price takes, and short enough for a person to wait."""
DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024

_UNKNOWN_FEATURES = {
    "reject": pb.UNKNOWN_FEATURES_REJECT,
    "ignore_and_report": pb.UNKNOWN_FEATURES_IGNORE_AND_REPORT,
}


class PricingClient:
    """Asks a Ridgeline server for prices. Thread-safe; make one per process, after any fork.

        with PricingClient("localhost:50051") as client:
            prediction = client.predict({"screen_size": 6.1, "brand": "Auralite"})
            print(prediction.price, prediction.currency, prediction.notices)

    Every call ends within its timeout, retries and the look-up of the model's schema included. The schema is
    asked for once per model and version choice, to know which features are categories: so an integer-coded
    category, "007", 7 and 7.0 are all sent right. It is asked for again when an input is refused for a reason
    that a new model version could explain.

    Args:
        target: HOST:PORT, several of them (a sequence, or one text with commas), or a gRPC target such as
            `dns:///pricing.example:50051`; `ridgeline_client.addresses` says how several are used.
        timeout: seconds a call may take when it does not say otherwise.
        max_message_bytes: bytes a request or an answer may have; a server's own limit, if smaller, holds too.
        retry: how failed calls are tried again.
        credentials: for TLS; None for plaintext.

    Raises:
        ValueError: an argument is out of range, or an address is no address.
        Unavailable: a host name in a list of several addresses cannot be looked up.
    """

    def __init__(
        self,
        target: str | Sequence[str] = DEFAULT_TARGET,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        retry: channel.RetryPolicy = channel.DEFAULT_RETRY,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        servers = addresses.address_list(target)
        if max_message_bytes < 1:
            raise ValueError(f"max_message_bytes must be above 0, got {max_message_bytes}")
        self.target = ",".join(servers)
        self.timeout = Deadline(timeout).timeout
        self.max_message_bytes = max_message_bytes
        options = channel.channel_options(retry, max_message_bytes)
        self._channel = channel.open_channel(servers, options, credentials)
        self._calls = Calls(self._channel, self.target)
        self._schemas = SchemaCache(self._describe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PricingClient({self.target!r}, timeout={self.timeout:g})"

    def close(self) -> None:
        """Close the connections. Calls in flight fail; later ones raise ValueError."""
        self._channel.close()

    def predict(  # noqa: PLR0913 - independent options, by keyword only
        self,
        record: Mapping[str, object],
        *,
        model: str = "",
        version: int | None = None,
        label: str | None = None,
        digest: str | None = None,
        record_id: str = "",
        event_time: datetime | None = None,
        explain: bool = False,
        unknown_features: UnknownFeatures = "reject",
        schema_fingerprint: str = "",
        timeout: float | None = None,
    ) -> Prediction:
        """Price one product.

        Args:
            record: feature values by name. A feature that is absent, None or NaN is missing, and so is a
                category that is "" or one of the model's missing tokens; numbers may be text.
            model: "" for the server's default model.
            version: the version number; give at most one of version, label and digest, or leave the choice to
                the server.
            label: a label the operator gave to a version.
            digest: a version's digest: the price comes from exactly this version or not at all.
            record_id: the caller's name for the product, returned with the answer.
            event_time: when the price applies; None for the server's clock. Never changes a price.
            explain: ask what each feature adds.
            unknown_features: "reject" refuses names the model does not know; "ignore_and_report" prices
                without them and says so in a notice.
            schema_fingerprint: `ModelDescription.schema_fingerprint` as the caller knows it: a version with
                other features, kinds or units then refuses (PreconditionFailed). "" to not check.
            timeout: seconds; None for the client's.

        Raises:
            InvalidInput, PriceRejected, ModelNotFound, PreconditionFailed, Unavailable, Overloaded,
            DeadlineExceeded, ...: see `ridgeline_client.errors`.
            ValueError: the version is named in several ways, or an option has no such value.
        """
        selection = Selection(model, version, label, digest)
        options = _options(unknown_features, schema_fingerprint)
        deadline = self._deadline(timeout)

        def ask(schema: Schema) -> pb.PredictResponse:
            request = pb.PredictRequest(
                model=model,
                choice=selection.choice(),
                record=convert.record(record, schema, record_id, event_time),
                options=options,
                explain=explain,
            )
            data = checked_bytes(request, self._byte_limit(schema))
            return self._calls.unary(channel.method("Predict"), data, pb.PredictResponse, deadline)

        return answers.prediction(self._schemas.use(selection, deadline, ask))

    def predict_batch(  # noqa: PLR0913 - independent options, by keyword only
        self,
        columns: convert.Columns,
        *,
        model: str = "",
        version: int | None = None,
        label: str | None = None,
        digest: str | None = None,
        record_ids: Sequence[object] | None = None,
        event_times: Sequence[datetime | None] | None = None,
        notice_bitmaps: bool = False,
        dtype: convert.Precision = "float64",
        unknown_features: UnknownFeatures = "reject",
        schema_fingerprint: str = "",
        timeout: float | None = None,
    ) -> PredictionBatch:
        """Price many products in one message.

        A row the server refuses has the notice ROW_ERROR and the price NaN; its neighbours are priced. A
        value that cannot be sent at all, such as the text "cheap" for a number, fails the whole call before
        anything is sent.

        Args:
            columns: a mapping of feature names to arrays, lists or Series of equal length, or a DataFrame
                (its index is not sent). Missing values as in `predict`.
            model: as in `predict`.
            version: as in `predict`.
            label: as in `predict`.
            digest: as in `predict`.
            record_ids: the caller's names for the rows, one per row.
            event_times: when each price applies, one datetime, datetime64 or None per row.
            notice_bitmaps: ask which cell carries which notice (`PredictionBatch.cells`).
            dtype: "float32" halves the bytes of numbers and costs precision.
            unknown_features: as in `predict`.
            schema_fingerprint: as in `predict`.
            timeout: as in `predict`.

        Raises:
            MessageTooLarge: the batch has more bytes than one message may hold; nothing was sent.
            Others as in `predict`, without PriceRejected.
        """
        selection = Selection(model, version, label, digest)
        options = _options(unknown_features, schema_fingerprint)
        if dtype not in ("float64", "float32"):
            raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r}")
        keys = convert.RowKeys(record_ids, event_times)
        deadline = self._deadline(timeout)

        def ask(schema: Schema) -> pb.PredictBatchResponse:
            batch = convert.record_batch(columns, schema, keys, dtype)
            _check_row_count(batch.row_count, schema)
            request = pb.PredictBatchRequest(
                model=model,
                choice=selection.choice(),
                options=options,
                columns=batch,
                notice_bitmaps=notice_bitmaps,
            )
            data = checked_bytes(request, self._byte_limit(schema), batch.row_count)
            return self._calls.unary(channel.method("PredictBatch"), data, pb.PredictBatchResponse, deadline)

        answer = self._schemas.use(selection, deadline, ask)
        features = self._schemas.features_of(answer.model, deadline) if notice_bitmaps else ()
        return answers.prediction_batch(answer, features)

    def describe(
        self,
        model: str = "",
        *,
        version: int | None = None,
        label: str | None = None,
        digest: str | None = None,
        full: bool = False,
        timeout: float | None = None,
    ) -> ModelDescription:
        """Ask what a model version expects and promises; with `full`, also its coefficients and profile.

        Raises:
            ModelNotFound, PreconditionFailed, AccessDenied, Unavailable, ...: see `ridgeline_client.errors`.
        """
        selection = Selection(model, version, label, digest)
        description = self._describe(selection, self._deadline(timeout), full=full)
        self._schemas.learn(selection, description)
        return description

    def health(self, service: str = "", *, timeout: float | None = None) -> str:
        """Ask for the health of a service, "" for the whole server; of several servers one is asked.

        Returns:
            "SERVING", "NOT_SERVING", "UNKNOWN", or "SERVICE_UNKNOWN" when the server has no such service.

        Raises:
            Unavailable, DeadlineExceeded, ServerError: no usable answer.
        """
        try:
            answer = self._calls.unary(
                health.METHOD, health.request(service), health.ANSWER, self._deadline(timeout)
            )
        except ModelNotFound:
            return health.SERVICE_UNKNOWN
        return health.status(answer)

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self.timeout if timeout is None else timeout)

    def _describe(self, selection: Selection, deadline: Deadline, *, full: bool = False) -> ModelDescription:
        view = pb.DESCRIBE_VIEW_FULL if full else pb.DESCRIBE_VIEW_BASIC
        request = pb.DescribeModelRequest(model=selection.model, choice=selection.choice(), view=view)
        data = checked_bytes(request, self.max_message_bytes)
        wire = self._calls.unary(channel.method("DescribeModel"), data, pb.DescribeModelResponse, deadline)
        return answers.model_description(wire)

    def _byte_limit(self, schema: Schema) -> int:
        return min(self.max_message_bytes, schema.max_message_bytes or self.max_message_bytes)


def _options(unknown_features: UnknownFeatures, schema_fingerprint: str) -> pb.PredictOptions:
    if unknown_features not in _UNKNOWN_FEATURES:
        raise ValueError(
            f"unknown_features must be one of {list(_UNKNOWN_FEATURES)}, got {unknown_features!r}"
        )
    return pb.PredictOptions(
        unknown_features=_UNKNOWN_FEATURES[unknown_features], schema_fingerprint=schema_fingerprint
    )


def _check_row_count(row_count: int, schema: Schema) -> None:
    if row_count > (schema.max_rows or math.inf):
        text = f"{row_count:,} rows, the server takes {schema.max_rows:,} in one batch: send fewer at a time"
        violation = Violation("columns.row_count", "", None, Reason.ROW_LIMIT_EXCEEDED, text)
        raise InvalidInput.listing([violation])
