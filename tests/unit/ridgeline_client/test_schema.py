from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import answers
from ridgeline_client.calls import Deadline
from ridgeline_client.description import ModelDescription
from ridgeline_client.errors import InvalidInput, MessageTooLarge, Violation
from ridgeline_client.schema import Schema, SchemaCache, Selection

DEFAULT = Selection()


def described(kind: pb.FeatureKind, digest: str = "d1", **further: Any) -> ModelDescription:
    return answers.model_description(
        pb.DescribeModelResponse(
            model=pb.ModelRef(name="m", version=1, digest=digest),
            features=[pb.Feature(name="shelf", kind=kind)],
            **further,
        )
    )


def answer(schema: Schema, digest: str = "") -> pb.PredictResponse:
    """An answer by a version, the schema's own by default; its price is 1 when `shelf` is a category."""
    price = float(schema.kinds["shelf"] == "categorical")
    return pb.PredictResponse(
        model=pb.ModelRef(digest=digest or schema.digest), prediction=pb.Prediction(price=price)
    )


class Describer:
    """Answers with the given descriptions in turn, the last one for ever."""

    def __init__(self, *answers: ModelDescription) -> None:
        self._answers = list(answers)
        self.asked: list[Selection] = []

    def __call__(self, selection: Selection, deadline: Deadline) -> ModelDescription:
        self.asked.append(selection)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def refusing(reason: str, until: str) -> Callable[[Schema], pb.PredictResponse]:
    """An `ask` that is refused until the feature has the kind `until`."""

    def ask(schema: Schema) -> pb.PredictResponse:
        if schema.kinds["shelf"] != until:
            raise InvalidInput.listing([Violation("", "shelf", None, reason, "no")])
        return answer(schema)

    return ask


def test_a_schema_is_asked_for_once_per_selection() -> None:
    describe = Describer(described(pb.FEATURE_KIND_NUMERIC))
    cache = SchemaCache(describe)
    for selection in (DEFAULT, DEFAULT, Selection(version=2), Selection(version=2)):
        assert cache.use(selection, Deadline(1), answer).prediction.price == 0.0
    assert describe.asked == [DEFAULT, Selection(version=2)]


@pytest.mark.parametrize("reason", ["WRONG_KIND", "UNKNOWN_FEATURE"])
def test_a_refusal_that_a_new_version_explains_is_asked_again(reason: str) -> None:
    describe = Describer(described(pb.FEATURE_KIND_NUMERIC), described(pb.FEATURE_KIND_CATEGORICAL, "d2"))
    cache = SchemaCache(describe)
    cache.use(DEFAULT, Deadline(1), answer)
    assert cache.use(DEFAULT, Deadline(1), refusing(reason, "categorical")).prediction.price == 1.0
    assert len(describe.asked) == 2


@pytest.mark.parametrize(
    ("reason", "second", "times_asked"),
    [
        ("WRONG_KIND", described(pb.FEATURE_KIND_NUMERIC, "d2"), 2),
        ("OUT_OF_VALID_RANGE", described(pb.FEATURE_KIND_CATEGORICAL), 1),
    ],
)
def test_other_refusals_stand(reason: str, second: ModelDescription, times_asked: int) -> None:
    describe = Describer(described(pb.FEATURE_KIND_NUMERIC), second)
    cache = SchemaCache(describe)
    cache.use(DEFAULT, Deadline(1), answer)
    priced = []

    def ask(schema: Schema) -> pb.PredictResponse:
        priced.append(schema)
        return refusing(reason, "categorical")(schema)

    with pytest.raises(InvalidInput):
        cache.use(DEFAULT, Deadline(1), ask)
    assert (len(describe.asked), len(priced)) == (times_asked, 1)


def test_features_of_a_known_version_are_not_asked_for_again() -> None:
    describe = Describer(described(pb.FEATURE_KIND_NUMERIC, "d1"), described(pb.FEATURE_KIND_NUMERIC, "d2"))
    cache = SchemaCache(describe)
    cache.use(DEFAULT, Deadline(1), answer)
    assert cache.features_of(pb.ModelRef(name="m", digest="d1"), Deadline(1)) == ("shelf",)
    assert describe.asked == [DEFAULT]
    assert cache.features_of(pb.ModelRef(name="m", digest="d2"), Deadline(1)) == ("shelf",)
    assert describe.asked == [DEFAULT, Selection("m", digest="d2")]


def test_the_answer_of_another_version_makes_the_next_call_learn_the_schema() -> None:
    describe = Describer(described(pb.FEATURE_KIND_NUMERIC), described(pb.FEATURE_KIND_CATEGORICAL, "d2"))
    cache = SchemaCache(describe)

    def of_the_second(schema: Schema) -> pb.PredictResponse:
        return answer(schema, "d2")

    prices = [cache.use(DEFAULT, Deadline(1), of_the_second).prediction.price for _ in range(3)]
    assert prices == [0.0, 1.0, 1.0]
    assert describe.asked == [DEFAULT, DEFAULT]


def test_versions_that_answer_in_turn_are_asked_about_once_each() -> None:
    describe = Describer(described(pb.FEATURE_KIND_NUMERIC), described(pb.FEATURE_KIND_CATEGORICAL, "d2"))
    cache = SchemaCache(describe)
    for digest in ("d1", "d2", "d1", "d2", "d1", "d2"):
        cache.use(DEFAULT, Deadline(1), lambda schema, digest=digest: answer(schema, digest))  # type: ignore[misc] # mypy cannot infer it
    assert len(describe.asked) == 2


def limited(limit: int) -> ModelDescription:
    return described(pb.FEATURE_KIND_NUMERIC, limits=pb.Limits(max_message_bytes=limit))


@pytest.mark.parametrize(("own_limit", "times_asked", "fits"), [(1_000, 2, True), (50, 1, False)])
def test_a_cached_limit_that_bound_is_asked_for_again(own_limit: int, times_asked: int, fits: bool) -> None:
    describe = Describer(limited(100), limited(200))
    cache = SchemaCache(describe)
    cache.use(DEFAULT, Deadline(1), answer)

    def ask(schema: Schema) -> pb.PredictResponse:
        if (limit := min(own_limit, schema.max_message_bytes)) < 150:
            raise MessageTooLarge.of_request(150, limit, 1)
        return answer(schema)

    if fits:
        cache.use(DEFAULT, Deadline(1), ask)
    else:
        with pytest.raises(MessageTooLarge):
            cache.use(DEFAULT, Deadline(1), ask)
    assert len(describe.asked) == times_asked


def test_only_tokens_that_read_as_no_number_are_kept() -> None:
    tokens = ["NA", "-999", "inf", "1e400"]
    schema = Schema.of(described(pb.FEATURE_KIND_NUMERIC, missing_tokens=tokens))
    assert schema.missing_tokens == {"NA", "inf", "1e400"}


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ({"version": "1"}, TypeError, "version must be a whole number, got str '1'"),
        ({"version": True}, TypeError, "whole number"),
        ({"version": 1.5}, TypeError, "whole number"),
        ({"version": 0}, ValueError, "version must be 1 to 9223372036854775807, got 0"),
        ({"version": 10**20}, ValueError, "got 100000000000000000000"),
        ({"model": 5}, TypeError, "model must be text, got int 5"),
        ({"label": b"x"}, TypeError, "label must be text"),
        ({"digest": "\udcff"}, ValueError, r"digest is no valid Unicode text: '\\udcff'"),
    ],
)
def test_a_version_that_cannot_be_sent_is_refused(named: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Selection(**named)


def test_a_version_is_named_in_one_way() -> None:
    with pytest.raises(ValueError, match="not by version and digest"):
        Selection(version=1, digest="d")
    assert Selection("m").choice() is None
    assert Selection(label="champion").choice() == pb.ModelChoice(label="champion")
