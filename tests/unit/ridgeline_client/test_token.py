"""The token a client calls with: where it comes from, where it may go, and where it never shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from ridgeline_client import PricingClient, Tls
from ridgeline_client.addresses import address_list, is_local
from ridgeline_client.token import call_metadata, read_token

SECRET = "ridgeline_0123456789ab_" + "s" * 43


def test_a_token_goes_with_each_call_as_bearer() -> None:
    assert call_metadata(SECRET) == (("authorization", f"Bearer {SECRET}"),)
    assert call_metadata(None) == ()


def test_a_file_goes_before_the_environment_and_nothing_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    assert read_token(file, {"RIDGELINE_TOKEN": "other"}) == SECRET
    assert read_token(None, {"RIDGELINE_TOKEN": SECRET}) == SECRET
    assert read_token(None, {"RIDGELINE_TOKEN": ""}) is None
    assert read_token(None, {}) is None


@pytest.mark.parametrize("content", [b"", b"two words s3cret", b"s3cret\nmore", "s3crét".encode(), b"\xff"])
def test_what_is_no_token_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"file is no") as caught:
        read_token(file, {})
    assert "s3cr" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="none cannot be read: No such file"):
        read_token(tmp_path / "none", {})


@pytest.mark.parametrize(
    "target",
    [
        "localhost:1",
        "LOCALHOST.:1",
        "127.0.0.1:1",
        "127.8.9.10:1",
        "[::1]:1",
        "localhost:1,127.0.0.1:2",
        "dns:///localhost:1",
        "dns:localhost:1",
        "ipv4:127.0.0.1:1,127.0.0.2:1",
        "ipv6:[::1]:1",
        "unix:/run/ridgeline.sock",
    ],
)
def test_this_machine_is_known_by_any_of_its_names(target: str) -> None:
    assert is_local(address_list(target))
    PricingClient(target, token=SECRET).close()


@pytest.mark.parametrize(
    "target",
    [
        "prices.example:1",
        "localhost.example:1",
        "127.0.0.1.example:1",
        "10.0.0.7:1",
        "0.0.0.0:1",
        "[2001:db8::1]:1",
        "localhost:1,10.0.0.7:1",
        "dns:///prices.example:1",
        "dns://10.0.0.7/localhost:1",
        "ipv4:127.0.0.1:1,10.0.0.7:1",
        "xds:///localhost:1",
    ],
)
def test_a_token_leaves_this_machine_only_with_tls_or_on_demand(target: str) -> None:
    with pytest.raises(ValueError, match="without TLS, for anyone on the way to read") as caught:
        PricingClient(target, token=SECRET)
    assert SECRET not in str(caught.value)
    PricingClient(target, token=SECRET, plaintext_token=True).close()
    PricingClient(target, token=SECRET, tls=Tls(server_name="prices.example")).close()
    PricingClient(target).close()


def test_a_client_does_not_show_its_token() -> None:
    with PricingClient("localhost:1", token=SECRET) as client:
        shown = f"{client!r} {client} {client._calls!r} {client._schemas!r}"
    assert SECRET not in shown
    with pytest.raises(ValueError, match="token is no token") as caught:
        PricingClient("localhost:1", token=f"{SECRET} ")
    assert SECRET not in str(caught.value)
