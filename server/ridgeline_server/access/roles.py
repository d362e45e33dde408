"""Roles, and which of them each method wants. A method that is not here is refused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do. No role includes another."""

    PREDICT = "predict"
    REPORT = "report"
    OPERATE = "operate"
    AUDIT = "audit"
    ADMIN = "admin"


ANY_ROLE = frozenset(Role)

_PRICING = "/ridgeline.v1.PricingService"
_HEALTH = "/grpc.health.v1.Health"

METHOD_ROLES: Mapping[str, frozenset[Role]] = {
    f"{_PRICING}/Predict": frozenset({Role.PREDICT}),
    f"{_PRICING}/PredictBatch": frozenset({Role.PREDICT}),
    f"{_PRICING}/PredictStream": frozenset({Role.PREDICT}),
    # Every caller must know what a model expects. The FULL view is the model itself: FULL_VIEW_ROLES.
    f"{_PRICING}/DescribeModel": ANY_ROLE,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": ANY_ROLE,
}
"""Full names of methods, each with the roles of which one is enough."""

OPEN_METHODS = frozenset({f"{_HEALTH}/Check", f"{_HEALTH}/Watch"})
"""Methods for everybody: load balancers and orchestrators have no credential."""

FULL_VIEW_ROLES = frozenset({Role.OPERATE})
"""Roles that may see a model's coefficients and reference profile."""
