"""The artifact contract: what is read, ignored and refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ridgeline.artifact import (
    ArtifactError,
    Feature,
    LinearForm,
    Manifest,
    digest,
    parse,
    schema_fingerprint,
    to_bytes,
    version_directories,
)
from support.tables import export_small


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = export_small(tmp_path_factory.mktemp("artifact"))
    content: dict[str, Any] = json.loads((path / "manifest.json").read_bytes())
    return content


def read(content: dict[str, Any]) -> Manifest:
    return parse(Manifest, json.dumps(content).encode(), "manifest.json")


def test_a_manifest_survives_the_round_trip(stored: dict[str, Any]) -> None:
    manifest = read(stored)
    assert parse(Manifest, to_bytes(manifest), "again") == manifest
    assert json.loads(to_bytes(manifest)) == stored


def test_features_come_in_the_order_of_the_tensors(stored: dict[str, Any]) -> None:
    manifest = read(stored)
    assert [f.name for f in manifest.numeric] == ["screen_size", "memory", "weight", "release_code"]
    assert [f.name for f in manifest.categorical] == ["brand", "shop"]


def test_unknown_fields_are_ignored_and_unknown_majors_refused(stored: dict[str, Any]) -> None:
    assert read({**stored, "colour": 1, "format_version": "2.7"}).name == "laptops"
    for version in ("1.0", "", "x"):
        with pytest.raises(ArtifactError, match="format_version is .*; export the model again or upgrade"):
            read({**stored, "format_version": version})


def test_every_wrong_field_is_named_at_once(stored: dict[str, Any]) -> None:
    broken = {**stored, "name": "No Spaces!", "currency": "euro", "version": 0}
    del broken["interval"]
    with pytest.raises(ArtifactError) as caught:
        read(broken)
    assert {problem.split(":")[0] for problem in caught.value.problems} == {
        "name",
        "currency",
        "version",
        "interval",
    }
    assert caught.value.where == "manifest.json"


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_numbers_are_finite(number: str) -> None:
    content = f'{{"base": {number}, "numeric": [], "categorical": []}}'.encode()
    with pytest.raises(ArtifactError, match="base: .*must be a finite number"):
        parse(LinearForm, content, "linear.json")


def test_a_scale_is_not_zero() -> None:
    term = '{"name": "a", "fill": 0, "centre": 0, "scale": 0, "coefficient": 1}'
    content = f'{{"base": 1, "numeric": [{term}], "categorical": []}}'.encode()
    with pytest.raises(ArtifactError, match="numeric.0.scale: .*must not be zero"):
        parse(LinearForm, content, "linear.json")


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"valid_min": 3.0, "valid_max": 2.0}, "has valid_min 3.0 above valid_max 2.0"),
        ({"training_min": 3.0, "training_max": 2.0}, "has training_min 3.0 above training_max 2.0"),
        ({"training_min": None, "training_max": 2.0}, "has one of training_min and training_max"),
        ({"training_min": 2.0, "training_max": None}, "has one of training_min and training_max"),
    ],
)
def test_bounds_of_a_feature_are_in_order(
    stored: dict[str, Any], bounds: dict[str, float | None], message: str
) -> None:
    features = [stored["features"][0] | bounds, *stored["features"][1:]]
    with pytest.raises(ArtifactError, match=f"features.0: .*'screen_size' {message}"):
        read({**stored, "features": features})


def test_the_price_range_is_not_empty_and_holds_every_fallback_price(stored: dict[str, Any]) -> None:
    for price_range in ({"min": 400.0, "max": 100.0}, {"min": 400.0, "max": 400.0}):
        with pytest.raises(ArtifactError, match="price_range: .*must be below max"):
            read({**stored, "price_range": price_range})
    fallback = {"overall": 99.0, "tables": [{"feature": "brand", "prices": {"Acme": 200.0, "NA": 401.0}}]}
    with pytest.raises(ArtifactError, match="fallback.overall 99.0, fallback of brand 'NA' 401.0: outside"):
        read({**stored, "fallback": fallback})


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(ArtifactError, match="is not JSON"):
        parse(Manifest, b"{", "manifest.json")


def test_the_fingerprint_is_of_order_name_kind_and_unit() -> None:
    a, b = Feature(name="a", kind="numeric", unit="GB"), Feature(name="b", kind="categorical")
    expected = hashlib.sha256(b'[["a","numeric","GB"],["b","categorical",""]]').hexdigest()
    assert schema_fingerprint([a, b]) == expected
    assert schema_fingerprint([b, a]) != expected
    assert schema_fingerprint([a.model_copy(update={"description": "x", "required": True}), b]) == expected


def test_digest_is_sha256() -> None:
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_version_directories_are_ordered_as_numbers(tmp_path: Path) -> None:
    for name in ("10", "9", "1", "01", ".draft-x", "latest"):
        (tmp_path / name).mkdir()
    (tmp_path / "11").touch()
    assert list(version_directories(tmp_path)) == [1, 9, 10]
