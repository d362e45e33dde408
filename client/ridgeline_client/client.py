"""PricingClient: prices from a Ridgeline server, one product or many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Self, TypeVar, cast

from ridgeline import packed
from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import addresses, answers, channel, convert, frames, health, paths
from ridgeline_client.calls import Calls, Deadline, checked_bytes, joined
from ridgeline_client.chunks import Numbered, Packer, check_row_count
from ridgeline_client.description import ModelDescription
from ridgeline_client.errors import InvalidInput, ModelNotFound
from ridgeline_client.frames import FRAME_CHUNK_ROWS
from ridgeline_client.options import StreamOptions, UnknownFeatures, predict_options
from ridgeline_client.results import ChunkResult, Prediction, PredictionBatch
from ridgeline_client.schema import Schema, SchemaCache, Selection
from ridgeline_client.stream import ChunkStream, Plan
from ridgeline_client.table import Columns, Precision, RowKeys, Table, check_precision
from ridgeline_client.tls import Tls
from ridgeline_client.token import call_metadata

Frame = TypeVar("Frame", bound=Any)
"""A pandas DataFrame; this library does not need pandas."""

DEFAULT_TARGET = "localhost:50051"
DEFAULT_TIMEOUT = 2.0
"""Seconds: hundreds of times what a price takes, and short enough for a person to wait."""
DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024


class PricingClient:
    """Asks a Ridgeline server for prices. Thread-safe; make one per process, after any fork.

        with PricingClient("localhost:50051") as client:
            prediction = client.predict({"memory": 16, "weight": 1.4, "brand": "Aurivox"})
            print(prediction.price, prediction.currency, prediction.notices)

    Every call ends within its timeout, retries and the look-up of the model's schema included. The schema is
    asked for once per model and version choice, to know which features are categories: so an integer-coded
    category, "007", 7 and 7.0 are all sent right. It is asked for again when an input is refused for a reason
    that a new model version could explain, and after another version has answered.

    Args:
        target: HOST:PORT, several of them (a sequence, or one text with commas), or a gRPC target such as
            `dns:///pricing.example:50051`; `ridgeline_client.addresses` says how several are used.
        timeout: seconds a call may take when it does not say otherwise, at most a day.
        max_message_bytes: bytes a request or an answer may have; a server's own limit, if smaller, holds too.
        retry: how failed calls are tried again.
        tls: how to speak TLS; None for plaintext.
        token: the bearer token the operator gave the caller; `ridgeline_client.token.read_token` reads one.
        plaintext_token: send the token without TLS to other machines, too, where anyone on the way can read
            it. Without TLS it otherwise goes to this machine only.

    Raises:
        ValueError: an argument is out of range, an address is no address, a file of `tls` is of no use, or
            the token would go out in plain.
        Unavailable: a host name in a list of several addresses cannot be looked up.
    """

    def __init__(  # noqa: PLR0913 - independent options, by keyword only
        self,
        target: str | Sequence[str] = DEFAULT_TARGET,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        retry: channel.RetryPolicy = channel.DEFAULT_RETRY,
        tls: Tls | None = None,
        token: str | None = None,
        plaintext_token: bool = False,
    ) -> None:
        servers = addresses.address_list(target)
        local = addresses.is_local(servers)
        if not (token is None or tls or plaintext_token or local):
            raise ValueError(
                f"the token would go to {','.join(servers)} without TLS, for anyone on the way to read: use "
                "TLS, or allow it (plaintext_token, --plaintext-token)"
            )
        if max_message_bytes < 1:
            raise ValueError(f"max_message_bytes must be above 0, got {max_message_bytes}")
        self.target = ",".join(servers)
        self.timeout = Deadline(timeout).timeout
        self.max_message_bytes = max_message_bytes
        metadata = call_metadata(token)
        options = channel.channel_options(retry, max_message_bytes)
        if token is not None and local:  # no proxy of the environment gets to see it
            options.append(("grpc.enable_http_proxy", 0))
        self._calls = Calls(channel.open_channel(servers, options, tls), self.target, metadata)
        self._schemas = SchemaCache(self._describe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PricingClient({self.target!r}, timeout={self.timeout:g})"

    def close(self) -> None:
        """Close the connections. Calls in flight raise ValueError, and so do later ones."""
        self._calls.close()

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
            TypeError: the record is no mapping, or another argument is of no type it can be.
        """
        selection = Selection(model, version, label, digest)
        options = predict_options(unknown_features, schema_fingerprint)
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
        columns: Columns,
        *,
        model: str = "",
        version: int | None = None,
        label: str | None = None,
        digest: str | None = None,
        record_ids: Sequence[object] | None = None,
        event_times: Sequence[datetime | None] | None = None,
        notice_bitmaps: bool = False,
        dtype: Precision = "float64",
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
            TypeError: an argument is of no type it can be.
            MessageTooLarge: the batch has more bytes than one message may hold; nothing was sent.
            Others as in `predict`, without PriceRejected.
        """
        selection = Selection(model, version, label, digest)
        options = predict_options(unknown_features, schema_fingerprint)
        check_precision(dtype)
        rows = Table(columns, RowKeys(record_ids, event_times))
        deadline = self._deadline(timeout)

        def ask(schema: Schema) -> pb.PredictBatchResponse:
            check_row_count(rows.row_count, schema)
            batch = rows.batch(schema, dtype)
            request = pb.PredictBatchRequest(
                model=model, choice=selection.choice(), options=options, notice_bitmaps=notice_bitmaps
            )
            number = pb.PredictBatchRequest.COLUMNS_FIELD_NUMBER
            content = packed.message(number, batch.parts(rows.row_count))
            parts = [request.SerializeToString(), *content]
            data = joined(parts, self._byte_limit(schema), rows.row_count)
            try:
                return self._calls.unary(
                    channel.method("PredictBatch"), data, pb.PredictBatchResponse, deadline
                )
            except InvalidInput as error:
                raise paths.named(error, batch) from error.__cause__

        answer = self._schemas.use(selection, deadline, ask)
        features = self._schemas.features_of(answer.model, deadline) if notice_bitmaps else ()
        return answers.prediction_batch(answer, features)

    def predict_stream(  # noqa: PLR0913 - independent options, by keyword only
        self,
        chunks: Iterable[Columns],
        *,
        window: int = 8,
        progress_timeout: float = 30.0,
        job_id: str = "",
        model: str = "",
        version: int | None = None,
        label: str | None = None,
        digest: str | None = None,
        notice_bitmaps: bool = False,
        dtype: Precision = "float64",
        unknown_features: UnknownFeatures = "reject",
        schema_fingerprint: str = "",
    ) -> Iterator[ChunkResult]:
        """Price any number of chunks; yields one result per chunk, in order.

        The chunks are taken from the iterable as answers come back: at most `window` are unanswered at a
        time, so memory stays bounded. When the stream breaks (drain, restart, lost connection) it is opened
        again and the unanswered chunks are sent again. A chunk that is refused as a whole, here or by the
        server, is answered in its place with `error`; the stream goes on. Closing the generator ends it.

        Args:
            chunks: tables as in `predict_batch`; 1,000 to 10,000 rows each are good.
            window: chunks that may be unanswered at a time.
            progress_timeout: seconds of waiting without any answer after which the stream gives up. Time
                spent in the caller's own code does not count.
            job_id: the caller's name for the job, at most 128 characters; a job that asks again then gets the
                same prediction set ids.
            model: as in `predict`.
            version: as in `predict`.
            label: as in `predict`.
            digest: as in `predict`.
            notice_bitmaps: as in `predict_batch`.
            dtype: as in `predict_batch`.
            unknown_features: as in `predict`.
            schema_fingerprint: as in `predict`.

        Raises:
            ServiceError: nothing was answered for the progress timeout.
            ModelNotFound, PreconditionFailed, AccessDenied, ...: the stream itself was refused.
            ValueError: an option has no such value, or the client was closed.
        """
        options = StreamOptions(
            selection=Selection(model, version, label, digest),
            window=window,
            progress_timeout=progress_timeout,
            job_id=job_id,
            notice_bitmaps=notice_bitmaps,
            dtype=dtype,
            unknown_features=unknown_features,
            schema_fingerprint=schema_fingerprint,
        )
        return self.predict_numbered(enumerate(chunks), options)

    def predict_numbered(
        self, chunks: Iterable[Numbered | None], options: StreamOptions
    ) -> Iterator[ChunkResult]:
        """Price chunks that carry their own numbers, such as every second one of a job that is resumed.

        Args:
            chunks: (sequence, table) pairs, sequences strictly increasing. None says that no chunk is ready:
                answers are then waited for, and only without any the next chunk is.
            options: as the arguments of `predict_stream`, which also says what is yielded and raised.
        """
        schema = self._schemas.get(options.selection, Deadline(options.progress_timeout))
        packer = Packer(schema, self._byte_limit(schema), options.dtype)
        plan = Plan(options.opening(), options.window, options.progress_timeout)
        stream = ChunkStream(self._calls, channel.method("PredictStream"), packer.packed(chunks), plan)
        return self._chunk_results(stream, options.progress_timeout, options.notice_bitmaps)

    def predict_frame(
        self, frame: Frame, options: StreamOptions | None = None, *, chunk_rows: int = FRAME_CHUNK_ROWS
    ) -> Frame:
        """Price a pandas DataFrame of any length; it goes through a stream, piece by piece.

        Args:
            frame: the model's features by column, as in `predict_batch`.
            options: as the arguments of `predict_stream`.
            chunk_rows: rows of a piece.

        Returns:
            A DataFrame with the frame's index and the columns price, model_price, lower, upper (float64, NaN
            where there is none), flags (int32), version (int64, of the model) and error (why a row was
            refused, else "").

        Raises:
            InvalidInput: the frame cannot be priced, whatever its rows are; others as in `predict_stream`.
            TypeError: the frame is no DataFrame.
        """
        options = options or StreamOptions()
        pieces = enumerate(frames.chunks(frame, chunk_rows))
        aside = replace(options, job_id="")  # rows that are asked for again are not the job's first chunk

        def ask(some: Frame) -> PredictionBatch:
            (result,) = self.predict_numbered([(0, some)], aside)
            return result.answer()

        return cast("Frame", frames.collected(frame, chunk_rows, self.predict_numbered(pieces, options), ask))

    def _chunk_results(
        self, stream: ChunkStream, timeout: float, notice_bitmaps: bool
    ) -> Iterator[ChunkResult]:
        for sent, wire, currency in stream.answers():
            if wire is None:
                yield ChunkResult(sent.sequence, sent.row_count, None, sent.error)
                continue
            bitmaps = notice_bitmaps and not wire.HasField("error")
            features = self._schemas.features_of(wire.model, Deadline(timeout)) if bitmaps else ()
            yield answers.chunk_result(wire, currency, sent.row_count, features, self.target)

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
