"""What a client says of files and names before it connects."""

from __future__ import annotations

from pathlib import Path

import pytest

from ridgeline_client import PricingClient, Tls
from support.identities import Identities

NAME = "grpc.ssl_target_name_override"


@pytest.fixture
def identities(tmp_path: Path) -> Identities:
    return Identities.of(tmp_path)


@pytest.mark.parametrize(("given", "lacking"), [("certificate", "key"), ("key", "certificate")])
def test_a_certificate_and_its_key_come_together(given: str, lacking: str) -> None:
    parts: dict[str, str] = {given: "file.pem"}
    with pytest.raises(ValueError, match=f"a {given} is given and no {lacking}"):
        Tls(**parts)


def test_a_file_that_is_of_no_use_is_named(identities: Identities, tmp_path: Path) -> None:
    missing = Tls(ca=tmp_path / "none.pem")
    with pytest.raises(ValueError, match="none.pem cannot be read: No such file"):
        PricingClient(tls=missing)
    own = tmp_path / "client.pem"
    with pytest.raises(ValueError, match="holds no certificate of an authority"):
        PricingClient(tls=Tls(ca=own))
    with pytest.raises(ValueError, match="server-key.pem is not the key of .*client.pem"):
        PricingClient(tls=Tls(certificate=own, key=tmp_path / "server-key.pem"))


def test_several_hosts_need_a_name() -> None:
    assert Tls().options(["a:1"]) == []
    assert Tls().options(["dns:///a:1"]) == []
    assert Tls().options(["a:1", "a:2"]) == [(NAME, "a")]
    assert Tls(server_name="c").options(["a:1", "b:1"]) == [(NAME, "c")]
    with pytest.raises(ValueError, match="give it as server_name"):
        Tls().options(["a:1", "b:1"])
