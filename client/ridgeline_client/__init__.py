"""The client library and the `ridgeline` command."""

from ridgeline.notices import NoticeKind
from ridgeline_client.channel import RetryPolicy
from ridgeline_client.client import PricingClient
from ridgeline_client.description import Feature, ModelDescription
from ridgeline_client.errors import (
    AccessDenied,
    DeadlineExceeded,
    InvalidInput,
    MessageTooLarge,
    ModelNotFound,
    Overloaded,
    PreconditionFailed,
    PriceRejected,
    RequestError,
    RidgelineError,
    ServerError,
    ServiceError,
    Unavailable,
    Violation,
)
from ridgeline_client.options import StreamOptions
from ridgeline_client.results import (
    ChunkResult,
    Contribution,
    Explanation,
    ModelRef,
    Notice,
    NoticeCount,
    Prediction,
    PredictionBatch,
    RowError,
)
from ridgeline_client.tls import Tls

__all__ = [
    "AccessDenied",
    "ChunkResult",
    "Contribution",
    "DeadlineExceeded",
    "Explanation",
    "Feature",
    "InvalidInput",
    "MessageTooLarge",
    "ModelDescription",
    "ModelNotFound",
    "ModelRef",
    "Notice",
    "NoticeCount",
    "NoticeKind",
    "Overloaded",
    "PreconditionFailed",
    "Prediction",
    "PredictionBatch",
    "PriceRejected",
    "PricingClient",
    "RequestError",
    "RetryPolicy",
    "RidgelineError",
    "RowError",
    "ServerError",
    "ServiceError",
    "StreamOptions",
    "Tls",
    "Unavailable",
    "Violation",
]
