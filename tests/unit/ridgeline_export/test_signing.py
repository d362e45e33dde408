"""Keys, signatures and the three commands: what they write, what they refuse, what they never say."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from ridgeline.artifact import ArtifactError
from ridgeline.artifact.signature import KeyFileError, TrustedKeys, read_private_key
from ridgeline_export.command import app
from ridgeline_export.signing import sign, verify
from support.signed import Keys, new_keys, secret_of

PEM = serialization.Encoding.PEM


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return new_keys(tmp_path)


@pytest.fixture
def version(toy_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_models / "toys" / "1", tmp_path / "models" / "toys" / "1"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_key_pair_signs_and_verifies(tmp_path: Path, version: Path) -> None:
    private, public = tmp_path / "release.pem", tmp_path / "release.pub.pem"
    made = run("keygen", private)
    key = made.output.split()[1].removesuffix(":")
    assert (made.exit_code, made.output) == (0, f"key {key}: private {private}, public {public}\n")
    signed = run("sign", version, "--key", private)
    assert (signed.exit_code, signed.output) == (0, f"{version}: signed by key {key}\n")
    checked = run("verify", version, "--key", public)
    assert (checked.exit_code, checked.output) == (
        0,
        f"{version}: signed by key {key}, 6 files as they were\n",
    )


def test_the_private_key_is_for_its_owner_alone(keys: Keys) -> None:
    assert stat.S_IMODE(keys.private.stat().st_mode) == 0o600
    assert stat.S_IMODE((keys.public).stat().st_mode) & 0o444 == 0o444


@pytest.mark.parametrize("which", ["private", "public"])
def test_a_key_is_never_overwritten(keys: Keys, which: str) -> None:
    kept = getattr(keys, which)
    before = kept.read_bytes()
    (keys.public if which == "private" else keys.private).unlink()
    refused = run("keygen", keys.private)
    assert refused.exit_code == 2
    assert "is there already" in refused.output
    assert kept.read_bytes() == before


def test_the_signature_is_ed25519_over_the_manifest_as_stored(version: Path, keys: Keys) -> None:
    sign(version, keys.private)
    signature = (version / "manifest.sig").read_bytes()
    key = serialization.load_pem_private_key(keys.private.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    key.public_key().verify(signature, (version / "manifest.json").read_bytes())
    assert len(signature) == 64


def test_signing_again_with_another_key_replaces_the_signature(
    version: Path, keys: Keys, tmp_path: Path
) -> None:
    other = new_keys(tmp_path, "other")
    sign(version, keys.private)
    sign(version, other.private)
    assert verify(version, other.public)[0] == other.id
    with pytest.raises(ArtifactError, match=f"another key than those of .* \\({keys.id}\\)"):
        verify(version, keys.public)
    assert [file.name for file in version.iterdir() if file.name.startswith(".")] == []


def test_during_a_rotation_either_key_will_do(version: Path, keys: Keys, tmp_path: Path) -> None:
    other = new_keys(tmp_path, "other")
    both = tmp_path / "trusted.pem"
    both.write_bytes(keys.public.read_bytes() + other.public.read_bytes())
    for pair in (keys, other):
        sign(version, pair.private)
        assert verify(version, both)[0] == pair.id


def test_a_version_that_was_changed_is_not_signed(version: Path, keys: Keys) -> None:
    (version / "linear.json").write_bytes(b"{}")
    refused = run("sign", version, "--key", keys.private)
    assert refused.exit_code == 2
    assert "linear.json is not the file" in refused.output
    assert not (version / "manifest.sig").exists()


def test_a_version_under_another_number_is_neither_signed_nor_verified(version: Path, keys: Keys) -> None:
    sign(version, keys.private)
    moved = version.rename(version.parent / "2")
    for command, key in (("sign", keys.private), ("verify", keys.public)):
        refused = run(command, moved, "--key", key)
        assert refused.exit_code == 2
        assert "the manifest is of toys/1, the directory is toys/2" in " ".join(refused.output.split())


def test_an_unsigned_version_is_told_apart(version: Path, keys: Keys) -> None:
    with pytest.raises(ArtifactError, match="manifest.sig is not there: the version is not signed"):
        verify(version, keys.public)


def other_kind(keys: Keys) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda _: b"", "must hold Ed25519 public keys"),
        (lambda _: b"no key", "must hold Ed25519 public keys"),
        (lambda keys: keys.private.read_bytes(), "holds a private key: keep it secret"),
        (lambda keys: keys.public.read_bytes() + keys.private.read_bytes(), "holds a private key"),
        (lambda keys: keys.public.read_bytes() * 2 + b"-----BEGIN PUBLIC KEY-----\nMCow", "must hold"),
        (lambda keys: keys.public.read_bytes().replace(b"M", b"N", 1), "must hold Ed25519 public keys"),
        (other_kind, "but one of another kind"),
    ],
)
def test_trusted_keys_are_all_of_them_public_keys(
    tmp_path: Path, keys: Keys, content: Callable[[Keys], bytes], problem: str
) -> None:
    file = tmp_path / "trusted.pem"
    file.write_bytes(content(keys))
    with pytest.raises(KeyFileError, match=problem) as caught:
        TrustedKeys.read(file)
    assert str(file) in str(caught.value)


def private_bytes(algorithm: serialization.KeySerializationEncryption, key: object) -> bytes:
    assert isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey)
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, algorithm)


@pytest.mark.parametrize(
    "content",
    [
        private_bytes(serialization.NoEncryption(), Ed25519PrivateKey.generate())[:-40],
        private_bytes(serialization.BestAvailableEncryption(b"pass"), Ed25519PrivateKey.generate()),
        private_bytes(serialization.NoEncryption(), ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["cut off", "encrypted", "of another kind"],
)
def test_a_private_key_file_that_is_wrong_is_refused_and_never_quoted(
    tmp_path: Path, version: Path, content: bytes
) -> None:
    file = tmp_path / "wrong.pem"
    file.write_bytes(content)
    refused = run("sign", version, "--key", file)
    assert refused.exit_code == 2
    assert "must hold an Ed25519 private key" in refused.output
    said = refused.output + repr(refused.exception)
    assert not any(line in said for line in content.decode().splitlines() if not line.startswith("-----"))


def test_a_private_key_is_never_quoted_where_a_public_one_belongs(version: Path, keys: Keys) -> None:
    refused = run("verify", version, "--key", keys.private)
    assert refused.exit_code == 2
    assert "holds a private key" in refused.output
    assert secret_of(keys)[:16] not in refused.output + repr(refused.exception)


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        read_private_key(tmp_path / "none.pem")


def test_without_the_library_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\nfrom ridgeline_export.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "keygen", str(tmp_path / "k.pem")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "ridgeline-export needs cryptography: install ridgeline with the extra `signing`\n"
