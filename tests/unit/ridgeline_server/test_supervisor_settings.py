"""A worker has its supervisor's settings and serves its supervisor's versions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ridgeline.artifact import ArtifactError
from ridgeline_server.command import _parser
from ridgeline_server.config import Settings, as_flags, load_settings
from ridgeline_server.rollout.catalog import load_catalog
from ridgeline_server.rollout.directories import highest, model_directories
from support import toys

paths = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).map(Path)
seconds = st.floats(0, 3600)
some_settings = st.builds(
    Settings,
    models=paths,
    model=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    address=st.sampled_from(["127.0.0.1:0", "[::1]:50051", "localhost:65535"]),
    ops_address=st.sampled_from(["", "0.0.0.0:9464"]),
    workers=st.integers(1, 64),
    worker_timeout_s=st.floats(1, 3600),
    reflection=st.booleans(),
    metrics=st.booleans(),
    tracing=st.booleans(),
    log_level=st.sampled_from(["debug", "error"]),
    slow_call_s=st.one_of(st.floats(0, exclude_min=True), st.just(float("inf"))),
    max_rows=st.integers(1, 1_000_000),
    drain_delay_s=seconds,
    drain_grace_s=seconds,
)


@given(some_settings)
def test_settings_are_handed_on_exactly(settings: Settings) -> None:
    arguments = ["worker", "--number=1", "--link=9", '--versions={"a b": 3}', *as_flags(settings)]
    flags: dict[str, Any] = vars(_parser().parse_args(arguments))
    told = {name: flags.pop(name) for name in ("command", "number", "link", "versions")}
    assert told == {"command": "worker", "number": 1, "link": 9, "versions": {"a b": 3}}
    elsewhere = {f"RIDGELINE_SERVER_{name.upper()}": "7" for name in Settings.model_fields}
    assert load_settings(flags, elsewhere) == settings


def test_the_command_for_workers_is_not_offered_to_people(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(["--help"])
    assert "worker" not in capsys.readouterr().out


def test_versions_that_are_named_are_loaded_although_higher_ones_are_there(tmp_path: Path) -> None:
    models = toys.export(tmp_path)
    toys.export(tmp_path)
    assert highest(model_directories(models)) == {"toys": 2}
    assert load_catalog(models, "").served_versions("toys") == [2]
    assert load_catalog(models, "", {"toys": 1}).served_versions("toys") == [1]


def test_models_that_are_not_named_are_left_alone(toy_models: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_models, tmp_path / "models")
    (tmp_path / "models" / "broken" / "1").mkdir(parents=True)
    assert load_catalog(tmp_path / "models", "", {"toys": 1}).served_versions("toys") == [1]


def test_a_named_version_that_is_gone_is_told(toy_models: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        load_catalog(toy_models, "", {"toys": 7, "cars": 1})
    assert [problem for problem in caught.value.problems if "is gone" in problem] == [
        "version 7 of 'toys' is gone: put it back, or restart the server",
        "version 1 of 'cars' is gone: put it back, or restart the server",
    ]
