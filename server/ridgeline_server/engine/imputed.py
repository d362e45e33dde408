"""What is said of missing features, written once per version."""

from __future__ import annotations

from collections.abc import Sequence

from ridgeline.artifact import Feature, LinearForm
from ridgeline.notices import NoticeKind
from ridgeline_server.domain import Notice


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
