"""Which version answers, and what stops a server from starting."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ridgeline.artifact import ArtifactError
from ridgeline.reasons import Reason
from ridgeline_server.errors import NotReady, NotServed, PreconditionFailed
from ridgeline_server.lifecycle import Lifecycle, State
from ridgeline_server.rollout.catalog import Catalog, Pin, load_catalog
from support.manifests import manifest, version

ONE, TWO = version(manifest(version=1)), version(manifest(version=2))
CATALOG = Catalog({"toys": {2: TWO, 1: ONE}, "other": {1: ONE}}, "toys")


def test_the_highest_version_of_the_default_model_answers() -> None:
    assert CATALOG.resolve("", Pin()) is TWO
    assert CATALOG.resolve("toys", Pin()) is TWO
    assert CATALOG.resolve("other", Pin()) is ONE
    assert CATALOG.served_versions("toys") == [1, 2]


def test_a_version_can_be_pinned_by_number_or_digest() -> None:
    assert CATALOG.resolve("", Pin(version=1)) is ONE
    assert CATALOG.resolve("", Pin(digest=ONE.digest)) in (ONE, TWO)


@pytest.mark.parametrize(
    ("model", "pin", "reason"),
    [
        ("cars", Pin(), Reason.UNKNOWN_MODEL),
        ("", Pin(version=3), Reason.UNKNOWN_VERSION),
        ("", Pin(version=0), Reason.UNKNOWN_VERSION),
        ("", Pin(label="stable"), Reason.UNKNOWN_LABEL),
    ],
)
def test_what_is_not_served_is_named(model: str, pin: Pin, reason: Reason) -> None:
    with pytest.raises(NotServed) as caught:
        CATALOG.resolve(model, pin)
    assert caught.value.reason is reason


def test_a_digest_that_is_not_served_is_a_failed_precondition() -> None:
    with pytest.raises(PreconditionFailed) as caught:
        CATALOG.resolve("", Pin(digest="0" * 64))
    assert caught.value.reason is Reason.DIGEST_NOT_SERVED


def test_the_highest_version_of_each_model_is_loaded(toy_models: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_models, tmp_path / "models")
    (tmp_path / "models" / "toys" / ".3-being-written").mkdir()
    (tmp_path / "models" / "notes").mkdir()
    assert load_catalog(tmp_path / "models", "").served_versions("toys") == [1]


def test_a_version_in_the_wrong_place_is_refused(toy_models: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_models / "toys" / "1", tmp_path / "games" / "2")
    with pytest.raises(ArtifactError, match="the manifest is of toys/1, the directory is games/2"):
        load_catalog(tmp_path, "")


def test_several_models_need_a_default_and_a_default_must_exist(toy_models: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_models, tmp_path / "models")
    shutil.copytree(toy_models / "toys", tmp_path / "models" / "more")
    with pytest.raises(ArtifactError, match="say --model NAME"):
        load_catalog(tmp_path / "models", "")
    with pytest.raises(ArtifactError, match="there is no model 'cars', only toys"):
        load_catalog(toy_models, "cars")


@pytest.mark.parametrize("make", [False, True])
def test_no_models_say_what_to_do(tmp_path: Path, make: bool) -> None:
    directory = tmp_path / "models"
    if make:
        directory.mkdir()
    with pytest.raises(ArtifactError, match="ridgeline-export train"):
        load_catalog(directory, "")


def test_states_go_one_way() -> None:
    life = Lifecycle()
    assert isinstance(life.refusal(), NotReady)
    with pytest.raises(NotReady):
        life.catalog()
    life.serve(CATALOG)
    assert life.refusal() is None
    assert life.catalog() is CATALOG
    life.advance(State.DRAINING)
    life.serve(CATALOG)
    life.advance(State.LOADING)
    assert life.state is State.DRAINING
    assert isinstance(life.refusal(), NotReady)
    assert life.catalog() is CATALOG
