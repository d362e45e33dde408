"""What is said of single values: what is missing, written once per version, and what training did not see."""

from __future__ import annotations

from collections.abc import Sequence

from ridgeline.artifact import Feature, LinearForm
from ridgeline.notices import NoticeKind
from ridgeline_server.domain import Notice

_LONGEST_TEXT = 200  # of a caller's text that is told back


def imputed_notices(features: Sequence[Feature], linear: LinearForm) -> tuple[Notice, ...]:
    """What is said of each missing feature, in tensor order."""
    notices = []
    for feature, term in zip(features, linear.numeric, strict=False):
        message = f"{feature.name!r} is missing: the model's fill {term.fill:g} is used"
        notices.append(Notice(NoticeKind.IMPUTED, message, feature.name, used=repr(term.fill)))
    for feature in features[len(notices) :]:
        message = f"{feature.name!r} is missing: it is priced as missing was in training"
        notices.append(Notice(NoticeKind.IMPUTED, message, feature.name))
    return tuple(notices)


def unknown_notice(feature: Feature, value: str) -> Notice:
    """What is said of a category that training did not see."""
    value = value[:_LONGEST_TEXT]
    message = f"{feature.name!r} is {value!r}, never seen in training: no category's effect is in the price"
    return Notice(NoticeKind.UNKNOWN_CATEGORY, message, feature.name, received=value)


def outside_notice(feature: Feature, number: float) -> Notice:
    """What is said of a number outside its training range."""
    if feature.training_min is None:
        seen = "training saw no value of it"
    else:
        span = f"{feature.training_min:.15g} to {feature.training_max:.15g}"
        seen = f"training saw {span} {feature.unit}".rstrip()
    message = f"{feature.name!r} is {number:.15g}: {seen}"
    return Notice(NoticeKind.OUT_OF_TRAINING_RANGE, message, feature.name, received=repr(number))
