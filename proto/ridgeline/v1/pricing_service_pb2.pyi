from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UnknownFeatures(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN_FEATURES_UNSPECIFIED: _ClassVar[UnknownFeatures]
    UNKNOWN_FEATURES_REJECT: _ClassVar[UnknownFeatures]
    UNKNOWN_FEATURES_IGNORE_AND_REPORT: _ClassVar[UnknownFeatures]

class NoticeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTICE_KIND_UNSPECIFIED: _ClassVar[NoticeKind]
    NOTICE_KIND_IMPUTED: _ClassVar[NoticeKind]
    NOTICE_KIND_UNKNOWN_CATEGORY: _ClassVar[NoticeKind]
    NOTICE_KIND_OUT_OF_TRAINING_RANGE: _ClassVar[NoticeKind]
    NOTICE_KIND_CLAMPED_LOW: _ClassVar[NoticeKind]
    NOTICE_KIND_CLAMPED_HIGH: _ClassVar[NoticeKind]
    NOTICE_KIND_FALLBACK: _ClassVar[NoticeKind]
    NOTICE_KIND_REJECTED: _ClassVar[NoticeKind]
    NOTICE_KIND_ROW_ERROR: _ClassVar[NoticeKind]
    NOTICE_KIND_FEATURE_IGNORED: _ClassVar[NoticeKind]

class DescribeView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DESCRIBE_VIEW_UNSPECIFIED: _ClassVar[DescribeView]
    DESCRIBE_VIEW_BASIC: _ClassVar[DescribeView]
    DESCRIBE_VIEW_FULL: _ClassVar[DescribeView]

class FeatureKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEATURE_KIND_UNSPECIFIED: _ClassVar[FeatureKind]
    FEATURE_KIND_NUMERIC: _ClassVar[FeatureKind]
    FEATURE_KIND_CATEGORICAL: _ClassVar[FeatureKind]

class GuardPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GUARD_POLICY_UNSPECIFIED: _ClassVar[GuardPolicy]
    GUARD_POLICY_CLAMP: _ClassVar[GuardPolicy]
    GUARD_POLICY_REJECT: _ClassVar[GuardPolicy]
    GUARD_POLICY_FALLBACK: _ClassVar[GuardPolicy]
UNKNOWN_FEATURES_UNSPECIFIED: UnknownFeatures
UNKNOWN_FEATURES_REJECT: UnknownFeatures
UNKNOWN_FEATURES_IGNORE_AND_REPORT: UnknownFeatures
NOTICE_KIND_UNSPECIFIED: NoticeKind
NOTICE_KIND_IMPUTED: NoticeKind
NOTICE_KIND_UNKNOWN_CATEGORY: NoticeKind
NOTICE_KIND_OUT_OF_TRAINING_RANGE: NoticeKind
NOTICE_KIND_CLAMPED_LOW: NoticeKind
NOTICE_KIND_CLAMPED_HIGH: NoticeKind
NOTICE_KIND_FALLBACK: NoticeKind
NOTICE_KIND_REJECTED: NoticeKind
NOTICE_KIND_ROW_ERROR: NoticeKind
NOTICE_KIND_FEATURE_IGNORED: NoticeKind
DESCRIBE_VIEW_UNSPECIFIED: DescribeView
DESCRIBE_VIEW_BASIC: DescribeView
DESCRIBE_VIEW_FULL: DescribeView
FEATURE_KIND_UNSPECIFIED: FeatureKind
FEATURE_KIND_NUMERIC: FeatureKind
FEATURE_KIND_CATEGORICAL: FeatureKind
GUARD_POLICY_UNSPECIFIED: GuardPolicy
GUARD_POLICY_CLAMP: GuardPolicy
GUARD_POLICY_REJECT: GuardPolicy
GUARD_POLICY_FALLBACK: GuardPolicy

class ModelChoice(_message.Message):
    __slots__ = ("version", "label", "digest")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    version: int
    label: str
    digest: str
    def __init__(self, version: _Optional[int] = ..., label: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class ModelRef(_message.Message):
    __slots__ = ("name", "version", "digest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    digest: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., digest: _Optional[str] = ...) -> None: ...

class PredictOptions(_message.Message):
    __slots__ = ("unknown_features", "schema_fingerprint")
    UNKNOWN_FEATURES_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    unknown_features: UnknownFeatures
    schema_fingerprint: str
    def __init__(self, unknown_features: _Optional[_Union[UnknownFeatures, str]] = ..., schema_fingerprint: _Optional[str] = ...) -> None: ...

class Record(_message.Message):
    __slots__ = ("numeric", "categorical", "record_id", "event_time")
    class NumericEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class CategoricalEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NUMERIC_FIELD_NUMBER: _ClassVar[int]
    CATEGORICAL_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    numeric: _containers.ScalarMap[str, float]
    categorical: _containers.ScalarMap[str, str]
    record_id: str
    event_time: _timestamp_pb2.Timestamp
    def __init__(self, numeric: _Optional[_Mapping[str, float]] = ..., categorical: _Optional[_Mapping[str, str]] = ..., record_id: _Optional[str] = ..., event_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Records(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[Record]
    def __init__(self, records: _Optional[_Iterable[_Union[Record, _Mapping]]] = ...) -> None: ...

class DoubleMatrix(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class FloatMatrix(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class NumericColumns(_message.Message):
    __slots__ = ("names", "double_values", "float_values")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUES_FIELD_NUMBER: _ClassVar[int]
    FLOAT_VALUES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    double_values: DoubleMatrix
    float_values: FloatMatrix
    def __init__(self, names: _Optional[_Iterable[str]] = ..., double_values: _Optional[_Union[DoubleMatrix, _Mapping]] = ..., float_values: _Optional[_Union[FloatMatrix, _Mapping]] = ...) -> None: ...

class CategoricalColumn(_message.Message):
    __slots__ = ("name", "dictionary", "codes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DICTIONARY_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    name: str
    dictionary: _containers.RepeatedScalarFieldContainer[str]
    codes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., dictionary: _Optional[_Iterable[str]] = ..., codes: _Optional[_Iterable[int]] = ...) -> None: ...

class RecordBatch(_message.Message):
    __slots__ = ("row_count", "numeric", "categorical", "record_ids", "event_times_us")
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    NUMERIC_FIELD_NUMBER: _ClassVar[int]
    CATEGORICAL_FIELD_NUMBER: _ClassVar[int]
    RECORD_IDS_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIMES_US_FIELD_NUMBER: _ClassVar[int]
    row_count: int
    numeric: NumericColumns
    categorical: _containers.RepeatedCompositeFieldContainer[CategoricalColumn]
    record_ids: _containers.RepeatedScalarFieldContainer[str]
    event_times_us: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, row_count: _Optional[int] = ..., numeric: _Optional[_Union[NumericColumns, _Mapping]] = ..., categorical: _Optional[_Iterable[_Union[CategoricalColumn, _Mapping]]] = ..., record_ids: _Optional[_Iterable[str]] = ..., event_times_us: _Optional[_Iterable[int]] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("model", "choice", "record", "options", "explain")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    model: str
    choice: ModelChoice
    record: Record
    options: PredictOptions
    explain: bool
    def __init__(self, model: _Optional[str] = ..., choice: _Optional[_Union[ModelChoice, _Mapping]] = ..., record: _Optional[_Union[Record, _Mapping]] = ..., options: _Optional[_Union[PredictOptions, _Mapping]] = ..., explain: bool = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("model", "currency_code", "prediction_set_id", "prediction", "explanation")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SET_ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    model: ModelRef
    currency_code: str
    prediction_set_id: str
    prediction: Prediction
    explanation: Explanation
    def __init__(self, model: _Optional[_Union[ModelRef, _Mapping]] = ..., currency_code: _Optional[str] = ..., prediction_set_id: _Optional[str] = ..., prediction: _Optional[_Union[Prediction, _Mapping]] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("record_id", "price", "model_price", "lower", "upper", "flags", "notices")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    MODEL_PRICE_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    price: float
    model_price: float
    lower: float
    upper: float
    flags: int
    notices: _containers.RepeatedCompositeFieldContainer[Notice]
    def __init__(self, record_id: _Optional[str] = ..., price: _Optional[float] = ..., model_price: _Optional[float] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., flags: _Optional[int] = ..., notices: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("kind", "feature", "received", "used", "message")
    KIND_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    kind: NoticeKind
    feature: str
    received: str
    used: str
    message: str
    def __init__(self, kind: _Optional[_Union[NoticeKind, str]] = ..., feature: _Optional[str] = ..., received: _Optional[str] = ..., used: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("base", "contributions")
    BASE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    base: float
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    def __init__(self, base: _Optional[float] = ..., contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("feature", "amount")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    feature: str
    amount: float
    def __init__(self, feature: _Optional[str] = ..., amount: _Optional[float] = ...) -> None: ...

class PredictBatchRequest(_message.Message):
    __slots__ = ("model", "choice", "options", "columns", "rows", "notice_bitmaps")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NOTICE_BITMAPS_FIELD_NUMBER: _ClassVar[int]
    model: str
    choice: ModelChoice
    options: PredictOptions
    columns: RecordBatch
    rows: Records
    notice_bitmaps: bool
    def __init__(self, model: _Optional[str] = ..., choice: _Optional[_Union[ModelChoice, _Mapping]] = ..., options: _Optional[_Union[PredictOptions, _Mapping]] = ..., columns: _Optional[_Union[RecordBatch, _Mapping]] = ..., rows: _Optional[_Union[Records, _Mapping]] = ..., notice_bitmaps: bool = ...) -> None: ...

class PredictBatchResponse(_message.Message):
    __slots__ = ("model", "currency_code", "prediction_set_id", "predictions")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SET_ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    model: ModelRef
    currency_code: str
    prediction_set_id: str
    predictions: PredictionBatch
    def __init__(self, model: _Optional[_Union[ModelRef, _Mapping]] = ..., currency_code: _Optional[str] = ..., prediction_set_id: _Optional[str] = ..., predictions: _Optional[_Union[PredictionBatch, _Mapping]] = ...) -> None: ...

class PredictionBatch(_message.Message):
    __slots__ = ("row_count", "price", "model_price", "lower", "upper", "flags", "notice_counts", "notice_bitmaps", "row_errors", "row_error_count", "error_row_count")
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    MODEL_PRICE_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    NOTICE_COUNTS_FIELD_NUMBER: _ClassVar[int]
    NOTICE_BITMAPS_FIELD_NUMBER: _ClassVar[int]
    ROW_ERRORS_FIELD_NUMBER: _ClassVar[int]
    ROW_ERROR_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    row_count: int
    price: _containers.RepeatedScalarFieldContainer[float]
    model_price: _containers.RepeatedScalarFieldContainer[float]
    lower: _containers.RepeatedScalarFieldContainer[float]
    upper: _containers.RepeatedScalarFieldContainer[float]
    flags: _containers.RepeatedScalarFieldContainer[int]
    notice_counts: _containers.RepeatedCompositeFieldContainer[NoticeCount]
    notice_bitmaps: _containers.RepeatedCompositeFieldContainer[NoticeBitmap]
    row_errors: _containers.RepeatedCompositeFieldContainer[RowError]
    row_error_count: int
    error_row_count: int
    def __init__(self, row_count: _Optional[int] = ..., price: _Optional[_Iterable[float]] = ..., model_price: _Optional[_Iterable[float]] = ..., lower: _Optional[_Iterable[float]] = ..., upper: _Optional[_Iterable[float]] = ..., flags: _Optional[_Iterable[int]] = ..., notice_counts: _Optional[_Iterable[_Union[NoticeCount, _Mapping]]] = ..., notice_bitmaps: _Optional[_Iterable[_Union[NoticeBitmap, _Mapping]]] = ..., row_errors: _Optional[_Iterable[_Union[RowError, _Mapping]]] = ..., row_error_count: _Optional[int] = ..., error_row_count: _Optional[int] = ...) -> None: ...

class NoticeCount(_message.Message):
    __slots__ = ("kind", "feature", "count")
    KIND_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    kind: NoticeKind
    feature: str
    count: int
    def __init__(self, kind: _Optional[_Union[NoticeKind, str]] = ..., feature: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class NoticeBitmap(_message.Message):
    __slots__ = ("kind", "bits")
    KIND_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    kind: NoticeKind
    bits: bytes
    def __init__(self, kind: _Optional[_Union[NoticeKind, str]] = ..., bits: _Optional[bytes] = ...) -> None: ...

class RowError(_message.Message):
    __slots__ = ("row", "feature", "code", "reason", "message")
    ROW_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    row: int
    feature: str
    code: int
    reason: str
    message: str
    def __init__(self, row: _Optional[int] = ..., feature: _Optional[str] = ..., code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class PredictStreamRequest(_message.Message):
    __slots__ = ("open", "chunk")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    open: StreamOpen
    chunk: Chunk
    def __init__(self, open: _Optional[_Union[StreamOpen, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ...) -> None: ...

class StreamOpen(_message.Message):
    __slots__ = ("model", "choice", "options", "notice_bitmaps", "job_id")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    NOTICE_BITMAPS_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    model: str
    choice: ModelChoice
    options: PredictOptions
    notice_bitmaps: bool
    job_id: str
    def __init__(self, model: _Optional[str] = ..., choice: _Optional[_Union[ModelChoice, _Mapping]] = ..., options: _Optional[_Union[PredictOptions, _Mapping]] = ..., notice_bitmaps: bool = ..., job_id: _Optional[str] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("sequence", "columns", "rows")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    columns: RecordBatch
    rows: Records
    def __init__(self, sequence: _Optional[int] = ..., columns: _Optional[_Union[RecordBatch, _Mapping]] = ..., rows: _Optional[_Union[Records, _Mapping]] = ...) -> None: ...

class PredictStreamResponse(_message.Message):
    __slots__ = ("opened", "result")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    opened: StreamOpened
    result: ChunkResult
    def __init__(self, opened: _Optional[_Union[StreamOpened, _Mapping]] = ..., result: _Optional[_Union[ChunkResult, _Mapping]] = ...) -> None: ...

class StreamOpened(_message.Message):
    __slots__ = ("model", "currency_code", "limits", "schema_fingerprint")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    model: ModelRef
    currency_code: str
    limits: Limits
    schema_fingerprint: str
    def __init__(self, model: _Optional[_Union[ModelRef, _Mapping]] = ..., currency_code: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., schema_fingerprint: _Optional[str] = ...) -> None: ...

class ChunkResult(_message.Message):
    __slots__ = ("sequence", "model", "prediction_set_id", "predictions", "error")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SET_ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    model: ModelRef
    prediction_set_id: str
    predictions: PredictionBatch
    error: _status_pb2.Status
    def __init__(self, sequence: _Optional[int] = ..., model: _Optional[_Union[ModelRef, _Mapping]] = ..., prediction_set_id: _Optional[str] = ..., predictions: _Optional[_Union[PredictionBatch, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class DescribeModelRequest(_message.Message):
    __slots__ = ("model", "choice", "view")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    model: str
    choice: ModelChoice
    view: DescribeView
    def __init__(self, model: _Optional[str] = ..., choice: _Optional[_Union[ModelChoice, _Mapping]] = ..., view: _Optional[_Union[DescribeView, str]] = ...) -> None: ...

class DescribeModelResponse(_message.Message):
    __slots__ = ("model", "create_time", "target", "currency_code", "schema_fingerprint", "missing_tokens", "features", "guard", "interval", "limits", "metrics", "served_versions", "linear_form", "reference_profile")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    MISSING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    GUARD_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    SERVED_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    LINEAR_FORM_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_PROFILE_FIELD_NUMBER: _ClassVar[int]
    model: ModelRef
    create_time: _timestamp_pb2.Timestamp
    target: str
    currency_code: str
    schema_fingerprint: str
    missing_tokens: _containers.RepeatedScalarFieldContainer[str]
    features: _containers.RepeatedCompositeFieldContainer[Feature]
    guard: Guard
    interval: Interval
    limits: Limits
    metrics: Metrics
    served_versions: _containers.RepeatedScalarFieldContainer[int]
    linear_form: LinearForm
    reference_profile: _containers.RepeatedCompositeFieldContainer[FeatureProfile]
    def __init__(self, model: _Optional[_Union[ModelRef, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., target: _Optional[str] = ..., currency_code: _Optional[str] = ..., schema_fingerprint: _Optional[str] = ..., missing_tokens: _Optional[_Iterable[str]] = ..., features: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ..., guard: _Optional[_Union[Guard, _Mapping]] = ..., interval: _Optional[_Union[Interval, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., metrics: _Optional[_Union[Metrics, _Mapping]] = ..., served_versions: _Optional[_Iterable[int]] = ..., linear_form: _Optional[_Union[LinearForm, _Mapping]] = ..., reference_profile: _Optional[_Iterable[_Union[FeatureProfile, _Mapping]]] = ...) -> None: ...

class Feature(_message.Message):
    __slots__ = ("name", "kind", "unit", "description", "required", "valid_min", "valid_max", "training_min", "training_max", "missing_rate", "acceptable_missing_rate", "categories", "importance_rank")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    VALID_MIN_FIELD_NUMBER: _ClassVar[int]
    VALID_MAX_FIELD_NUMBER: _ClassVar[int]
    TRAINING_MIN_FIELD_NUMBER: _ClassVar[int]
    TRAINING_MAX_FIELD_NUMBER: _ClassVar[int]
    MISSING_RATE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTABLE_MISSING_RATE_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_RANK_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: FeatureKind
    unit: str
    description: str
    required: bool
    valid_min: float
    valid_max: float
    training_min: float
    training_max: float
    missing_rate: float
    acceptable_missing_rate: float
    categories: _containers.RepeatedCompositeFieldContainer[Category]
    importance_rank: int
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[FeatureKind, str]] = ..., unit: _Optional[str] = ..., description: _Optional[str] = ..., required: bool = ..., valid_min: _Optional[float] = ..., valid_max: _Optional[float] = ..., training_min: _Optional[float] = ..., training_max: _Optional[float] = ..., missing_rate: _Optional[float] = ..., acceptable_missing_rate: _Optional[float] = ..., categories: _Optional[_Iterable[_Union[Category, _Mapping]]] = ..., importance_rank: _Optional[int] = ...) -> None: ...

class Category(_message.Message):
    __slots__ = ("value", "share")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    value: str
    share: float
    def __init__(self, value: _Optional[str] = ..., share: _Optional[float] = ...) -> None: ...

class Guard(_message.Message):
    __slots__ = ("min_price", "max_price", "policy", "max_missing_share")
    MIN_PRICE_FIELD_NUMBER: _ClassVar[int]
    MAX_PRICE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    MAX_MISSING_SHARE_FIELD_NUMBER: _ClassVar[int]
    min_price: float
    max_price: float
    policy: GuardPolicy
    max_missing_share: float
    def __init__(self, min_price: _Optional[float] = ..., max_price: _Optional[float] = ..., policy: _Optional[_Union[GuardPolicy, str]] = ..., max_missing_share: _Optional[float] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("level", "half_width")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    HALF_WIDTH_FIELD_NUMBER: _ClassVar[int]
    level: float
    half_width: float
    def __init__(self, level: _Optional[float] = ..., half_width: _Optional[float] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_rows", "max_records", "max_message_bytes")
    MAX_ROWS_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_rows: int
    max_records: int
    max_message_bytes: int
    def __init__(self, max_rows: _Optional[int] = ..., max_records: _Optional[int] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...

class Metrics(_message.Message):
    __slots__ = ("rmse", "mae", "r2", "row_count", "interval_coverage")
    RMSE_FIELD_NUMBER: _ClassVar[int]
    MAE_FIELD_NUMBER: _ClassVar[int]
    R2_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    rmse: float
    mae: float
    r2: float
    row_count: int
    interval_coverage: float
    def __init__(self, rmse: _Optional[float] = ..., mae: _Optional[float] = ..., r2: _Optional[float] = ..., row_count: _Optional[int] = ..., interval_coverage: _Optional[float] = ...) -> None: ...

class LinearForm(_message.Message):
    __slots__ = ("base", "numeric_terms", "categorical_terms")
    BASE_FIELD_NUMBER: _ClassVar[int]
    NUMERIC_TERMS_FIELD_NUMBER: _ClassVar[int]
    CATEGORICAL_TERMS_FIELD_NUMBER: _ClassVar[int]
    base: float
    numeric_terms: _containers.RepeatedCompositeFieldContainer[NumericTerm]
    categorical_terms: _containers.RepeatedCompositeFieldContainer[CategoricalTerm]
    def __init__(self, base: _Optional[float] = ..., numeric_terms: _Optional[_Iterable[_Union[NumericTerm, _Mapping]]] = ..., categorical_terms: _Optional[_Iterable[_Union[CategoricalTerm, _Mapping]]] = ...) -> None: ...

class NumericTerm(_message.Message):
    __slots__ = ("feature", "fill", "centre", "scale", "coefficient")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    FILL_FIELD_NUMBER: _ClassVar[int]
    CENTRE_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    COEFFICIENT_FIELD_NUMBER: _ClassVar[int]
    feature: str
    fill: float
    centre: float
    scale: float
    coefficient: float
    def __init__(self, feature: _Optional[str] = ..., fill: _Optional[float] = ..., centre: _Optional[float] = ..., scale: _Optional[float] = ..., coefficient: _Optional[float] = ...) -> None: ...

class CategoricalTerm(_message.Message):
    __slots__ = ("feature", "amounts", "unknown_amount")
    class AmountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    AMOUNTS_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    feature: str
    amounts: _containers.ScalarMap[str, float]
    unknown_amount: float
    def __init__(self, feature: _Optional[str] = ..., amounts: _Optional[_Mapping[str, float]] = ..., unknown_amount: _Optional[float] = ...) -> None: ...

class FeatureProfile(_message.Message):
    __slots__ = ("feature", "mean", "standard_deviation", "deciles")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STANDARD_DEVIATION_FIELD_NUMBER: _ClassVar[int]
    DECILES_FIELD_NUMBER: _ClassVar[int]
    feature: str
    mean: float
    standard_deviation: float
    deciles: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, feature: _Optional[str] = ..., mean: _Optional[float] = ..., standard_deviation: _Optional[float] = ..., deciles: _Optional[_Iterable[float]] = ...) -> None: ...
