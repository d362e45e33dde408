"""Any byte of any file of a signed version is changed: it is refused, and the file is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridgeline.artifact import ArtifactError
from ridgeline.artifact.signature import TrustedKeys
from ridgeline_export.signing import verify
from ridgeline_server.engine.artifact import load
from support.signed import Keys, new_keys, signed_models

FILES = (
    "golden.npz", "linear.json", "manifest.json", "manifest.sig",
    "model.onnx", "numeric.onnx", "reference.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return new_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def version(toy_models: Path, tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Path:
    return signed_models(toy_models, tmp_path_factory.mktemp("signed") / "models", keys) / "toys" / "1"


@contextmanager
def holding(file: Path, content: bytes) -> Iterator[None]:
    """The file has another content for a while."""
    original = file.read_bytes()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(original)


def refusals(version: Path, keys: Keys) -> list[str]:
    """What the server says, and what `ridgeline-export verify` says."""
    said = []
    for check in (
        lambda: load(version, TrustedKeys.read(keys.public).check),
        lambda: verify(version, keys.public),
    ):
        with pytest.raises(ArtifactError) as caught:
            check()
        said.append("; ".join(caught.value.problems))
    return said


def test_the_version_serves_and_these_are_all_its_files(version: Path, keys: Keys) -> None:
    assert load(version, TrustedKeys.read(keys.public).check).manifest.name == "toys"
    assert verify(version, keys.public) == (keys.id, len(FILES) - 1)
    assert sorted(file.name for file in version.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60)
@given(data=st.data())
def test_one_other_byte_is_refused_with_the_files_name(
    version: Path, keys: Keys, name: str, data: st.DataObject
) -> None:
    content = bytearray((version / name).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1), label="place")
    content[place] ^= data.draw(st.integers(1, 255), label="difference")
    with holding(version / name, bytes(content)):
        for said in refusals(version, keys):
            assert name in said


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=20)
@given(data=st.data())
def test_a_file_that_is_shorter_or_longer_is_refused_with_its_name(
    version: Path, keys: Keys, name: str, data: st.DataObject
) -> None:
    content = (version / name).read_bytes()
    kept = data.draw(st.integers(0, len(content) - 1), label="kept")
    more = data.draw(st.binary(min_size=1, max_size=8), label="more")
    for other in (content[:kept], content + more):
        with holding(version / name, other):
            for said in refusals(version, keys):
                assert name in said
