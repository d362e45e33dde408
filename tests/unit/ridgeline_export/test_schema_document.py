"""docs/schema.md names every key of the schema language, and its example is a schema."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ridgeline_export.schema import FeatureSection, ModelSection, PriceSection, Schema, parse

DOCUMENT = (Path(__file__).parents[3] / "docs" / "schema.md").read_text(encoding="utf-8")


def test_the_example_is_a_schema() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert parse(tomllib.loads(example), "docs/schema.md").model.name == "phones"


@pytest.mark.parametrize("section", [ModelSection, PriceSection, FeatureSection])
def test_every_key_of_a_section_is_documented(section: type) -> None:
    for key in section.model_fields:  # type: ignore[attr-defined]  # a pydantic model
        assert f"`{key}`" in DOCUMENT, key


def test_every_key_of_the_optional_sections_is_documented() -> None:
    for name in ("penalty", "holdout", "training", "interval"):
        for key, field in Schema.model_fields[name].annotation.model_fields.items():  # type: ignore[union-attr]  # pydantic models
            assert f"`{name}.{field.alias or key}`" in DOCUMENT, key
