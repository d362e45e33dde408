"""What a call may be told beside its data, checked before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import text
from ridgeline_client.calls import Deadline
from ridgeline_client.schema import Selection
from ridgeline_client.table import Precision, check_precision

UnknownFeatures = Literal["reject", "ignore_and_report"]

_UNKNOWN_FEATURES = {
    "reject": pb.UNKNOWN_FEATURES_REJECT,
    "ignore_and_report": pb.UNKNOWN_FEATURES_IGNORE_AND_REPORT,
}


def predict_options(unknown_features: UnknownFeatures, schema_fingerprint: str) -> pb.PredictOptions:
    """Return the options as the contract has them. Raises ValueError and TypeError."""
    if unknown_features not in _UNKNOWN_FEATURES:
        raise ValueError(
            f"unknown_features must be one of {list(_UNKNOWN_FEATURES)}, got {unknown_features!r}"
        )
    text.check("schema_fingerprint", schema_fingerprint)
    return pb.PredictOptions(
        unknown_features=_UNKNOWN_FEATURES[unknown_features], schema_fingerprint=schema_fingerprint
    )


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream is run; `PricingClient.predict_stream` says what each option means.

    Raises:
        ValueError: an option has no such value.
        TypeError: an option is of no type it can be.
    """

    selection: Selection = field(default_factory=Selection)
    window: int = 8
    progress_timeout: float = 30.0
    job_id: str = ""
    notice_bitmaps: bool = False
    dtype: Precision = "float64"
    unknown_features: UnknownFeatures = "reject"
    schema_fingerprint: str = ""

    def __post_init__(self) -> None:
        check_precision(self.dtype)
        if self.window < 1:
            raise ValueError(f"window must be 1 or more, got {self.window!r}")
        Deadline(self.progress_timeout)
        predict_options(self.unknown_features, self.schema_fingerprint)

    def opening(self) -> bytes:
        """Return the stream's first message, serialised."""
        opening = pb.StreamOpen(
            model=self.selection.model,
            choice=self.selection.choice(),
            options=predict_options(self.unknown_features, self.schema_fingerprint),
            notice_bitmaps=self.notice_bitmaps,
            job_id=self.job_id,
        )
        message: bytes = pb.PredictStreamRequest(open=opening).SerializeToString()
        return message
