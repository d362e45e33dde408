from __future__ import annotations

from collections.abc import Callable

import pytest

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import answers
from ridgeline_client.calls import Deadline
from ridgeline_client.description import ModelDescription
from ridgeline_client.errors import InvalidInput, Violation
from ridgeline_client.schema import Schema, SchemaCache, Selection

DEFAULT = Selection()


def described(kind: pb.FeatureKind, digest: str = "d1") -> ModelDescription:
    return answers.model_description(
        pb.DescribeModelResponse(
            model=pb.ModelRef(name="m", version=1, digest=digest),
            features=[pb.Feature(name="shelf", kind=kind)],
        )
    )


class Describer:
    """Answers with the given descriptions in turn, the last one for ever."""

    def __init__(self, *answers: ModelDescription) -> None:
        self._answers = list(answers)
        self.asked: list[Selection] = []

    def __call__(self, selection: Selection, deadline: Deadline) -> ModelDescription:
        self.asked.append(selection)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def len_of_kinds(schema: Schema) -> int:
    return len(schema.kinds)


def refusing(reason: str, until: str) -> Callable[[Schema], str]:
    """An `ask` that is refused until the feature has the kind `until`."""

    def ask(schema: Schema) -> str:
        kind = schema.kinds["shelf"]
        if kind != until:
            raise InvalidInput.listing([Violation("", "shelf", None, reason, "no")])
        return kind

    return ask


def test_a_schema_is_asked_for_once_per_selection() -> None:
    describe = Describer(described(pb.FEATURE_KIND_NUMERIC))
    cache = SchemaCache(describe)
    for selection in (DEFAULT, DEFAULT, Selection(version=2), Selection(version=2)):
        assert cache.use(selection, Deadline(1), lambda schema: schema.kinds) == {"shelf": "numeric"}
    assert describe.asked == [DEFAULT, Selection(version=2)]


@pytest.mark.parametrize("reason", ["WRONG_KIND", "UNKNOWN_FEATURE"])
def test_a_refusal_that_a_new_version_explains_is_asked_again(reason: str) -> None:
    describe = Describer(described(pb.FEATURE_KIND_NUMERIC), described(pb.FEATURE_KIND_CATEGORICAL, "d2"))
    cache = SchemaCache(describe)
    cache.use(DEFAULT, Deadline(1), len_of_kinds)
    assert cache.use(DEFAULT, Deadline(1), refusing(reason, "categorical")) == "categorical"
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
    cache.use(DEFAULT, Deadline(1), len_of_kinds)
    priced = []

    def ask(schema: Schema) -> str:
        priced.append(schema)
        return refusing(reason, "categorical")(schema)

    with pytest.raises(InvalidInput):
        cache.use(DEFAULT, Deadline(1), ask)
    assert (len(describe.asked), len(priced)) == (times_asked, 1)


def test_features_of_a_known_version_are_not_asked_for_again() -> None:
    describe = Describer(described(pb.FEATURE_KIND_NUMERIC, "d1"), described(pb.FEATURE_KIND_NUMERIC, "d2"))
    cache = SchemaCache(describe)
    cache.use(DEFAULT, Deadline(1), len_of_kinds)
    assert cache.features_of(pb.ModelRef(name="m", digest="d1"), Deadline(1)) == ("shelf",)
    assert describe.asked == [DEFAULT]
    assert cache.features_of(pb.ModelRef(name="m", digest="d2"), Deadline(1)) == ("shelf",)
    assert describe.asked == [DEFAULT, Selection("m", digest="d2")]


def test_a_version_is_named_in_one_way() -> None:
    with pytest.raises(ValueError, match="not by version and digest"):
        Selection(version=1, digest="d")
    assert Selection("m").choice() is None
    assert Selection(label="champion").choice() == pb.ModelChoice(label="champion")
