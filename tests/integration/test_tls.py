"""TLS on the main port: who is let in, who is not, and certificates that change while the server serves."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from ridgeline.pem import PemError
from ridgeline_client import Tls
from ridgeline_server.app import App
from ridgeline_server.certs.authority import Authority
from ridgeline_server.config import ConfigError
from ridgeline_server.transport import tls as server_side
from ridgeline_server.transport.call import Call, Calls
from ridgeline_server.transport.certificates import CertificateFiles
from ridgeline_server.transport.tls import peer_subject
from support.identities import Identities, days
from support.scrape import Scrape
from support.servers import ANY_PORT, new_app, serving
from support.wire import TIMEOUT, connect, record

CHANGES = "ridgeline_tls_changes_total"


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    """Files that no test changes."""
    made = Identities.of(tmp_path_factory.mktemp("certificates"))
    stranger = Authority("strangers", days(-1, 30))
    made.authority_file("strangers", stranger)
    made.write("stranger", stranger.issue("shop"))
    made.write("expired", made.authority.issue("shop", validity=days(-3, -1)))
    return made


@pytest.fixture(scope="module")
def one_sided(toy_models: Path, identities: Identities) -> Iterator[App]:
    """A server that proves who it is and asks nobody."""
    with serving(toy_models, **identities.settings()) as app:
        yield app


@pytest.fixture(scope="module")
def mutual(toy_models: Path, identities: Identities) -> Iterator[App]:
    """A server that asks everybody for a certificate."""
    with serving(toy_models, **identities.settings(mutual=True)) as app:
        yield app


@pytest.fixture
def changing(tmp_path: Path) -> Identities:
    """Files for one test to change."""
    return Identities.of(tmp_path)


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at when the test says so, and not else."""
    monkeypatch.setattr(server_side, "LOOK_S", 3600.0)


def price(address: str, tls: Tls | None) -> float:
    with connect(address, tls) as wire:
        return float(wire.ask("predict", record()).prediction.price)


def outcome(address: str, tls: Tls | None) -> str:
    """The status of a first call over a new connection, which fails when the handshake does."""
    try:
        price(address, tls)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def look(app: App) -> None:
    assert app._tls is not None
    app._tls.look()


def serial(app: App) -> str:
    """Which certificate a new connection is shown."""
    host, _, port = app.address.rpartition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=TIMEOUT)


def test_a_caller_who_trusts_the_authority_gets_a_price(
    one_sided: App, toy_server: App, identities: Identities
) -> None:
    assert price(one_sided.address, identities.tls()) == price(toy_server.address, None)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_certificate_is_for_every_name_of_loopback(
    one_sided: App, identities: Identities, name: str
) -> None:
    port = one_sided.address.rpartition(":")[2]
    assert outcome(f"{name}:{port}", identities.tls()) == "OK"


def test_a_server_of_a_strange_authority_is_not_talked_to(one_sided: App, identities: Identities) -> None:
    assert outcome(one_sided.address, identities.tls(ca="strangers")) == "UNAVAILABLE"
    assert outcome(one_sided.address, Tls()) == "UNAVAILABLE"


def test_plaintext_is_not_understood(one_sided: App, mutual: App) -> None:
    assert [outcome(app.address, None) for app in (one_sided, mutual)] == ["UNAVAILABLE"] * 2


@pytest.mark.parametrize(
    ("client", "expected"),
    [("client", "OK"), ("", "UNAVAILABLE"), ("stranger", "UNAVAILABLE"), ("expired", "UNAVAILABLE")],
)
def test_mutual_tls_lets_in_whom_the_authority_knows(
    mutual: App, identities: Identities, client: str, expected: str
) -> None:
    assert outcome(mutual.address, identities.tls(client)) == expected


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_tls_1_2_is_the_oldest_that_is_spoken(one_sided: App) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    assert spoken(one_sided, context) == "TLSv1.3"
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert spoken(one_sided, context) == "TLSv1.2"
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        spoken(one_sided, context)


def spoken(app: App, context: ssl.SSLContext) -> str | None:
    host, _, port = app.address.rpartition(":")
    with socket.create_connection((host, int(port)), TIMEOUT) as plain, context.wrap_socket(plain) as secure:
        return secure.version()


def test_the_subject_of_a_caller_is_the_one_that_was_proved(
    mutual: App, one_sided: App, toy_server: App, identities: Identities, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    begin = Calls.begin

    def noting(calls: Calls, method: str, context: grpc.ServicerContext) -> Call:
        seen.append(peer_subject(context.auth_context()))
        return begin(calls, method, context)

    monkeypatch.setattr(Calls, "begin", noting)
    price(mutual.address, identities.tls("client"))
    price(mutual.address, identities.tls("server"))
    price(one_sided.address, identities.tls("client"))
    price(toy_server.address, None)
    assert seen == ["shop", "server", None, None]


def test_new_connections_are_shown_a_new_certificate_and_old_ones_go_on(
    toy_models: Path, changing: Identities, by_hand: None
) -> None:
    with serving(toy_models, ops_address=ANY_PORT, **changing.settings()) as app:
        with connect(app.address, changing.tls()) as wire:
            wire.ask("predict", record())
            first, valid_until = serial(app), Scrape.of(app).value("ridgeline_tls_valid_until_seconds")
            changing.write("server", changing.server(days(-1, 300)))
            assert serial(app) == first
            look(app)
            assert serial(app) != first
            wire.ask("predict", record())
        assert outcome(app.address, changing.tls()) == "OK"
        scrape = Scrape.of(app)
        assert scrape.value(CHANGES, result="taken") == 1
        assert scrape.value(CHANGES, result="refused") == 0
        assert scrape.value("ridgeline_tls_valid_until_seconds") > valid_until > 0


def spoil_key(identities: Identities) -> None:
    (identities.folder / "server-key.pem").write_bytes(identities.server().key)


def spoil_certificate(identities: Identities) -> None:
    (identities.folder / "server.pem").write_bytes(b"no certificate")


def expire(identities: Identities) -> None:
    identities.write("server", identities.server(days(-3, -1)))


def come_early(identities: Identities) -> None:
    identities.write("server", identities.server(days(1, 3)))


def be_no_server(identities: Identities) -> None:
    identities.write("server", identities.authority.issue("shop"))


def remove(identities: Identities) -> None:
    (identities.folder / "server-key.pem").unlink()


def spoil_authorities(identities: Identities) -> None:
    (identities.folder / "ca.pem").write_bytes(b"")


def name_no_authority(identities: Identities) -> None:
    (identities.folder / "ca.pem").write_bytes(identities.server().certificate)


BAD = [
    (spoil_key, "server-key.pem is not the key of"),
    (spoil_certificate, "is not what it should be"),
    (expire, "certificate has expired"),
    (come_early, "certificate is not yet valid"),
    (be_no_server, "unsuitable certificate purpose|unsupported certificate purpose"),
    (remove, "server-key.pem cannot be read: No such file"),
    (spoil_authorities, "ca.pem holds no certificate"),
    (name_no_authority, "ca.pem holds no certificate of an authority"),
]


@pytest.mark.parametrize(("spoil", "why"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_bad_files_are_refused_and_the_old_ones_stay(
    toy_models: Path,
    changing: Identities,
    by_hand: None,
    caplog: pytest.LogCaptureFixture,
    spoil: Any,
    why: str,
) -> None:
    tls = changing.tls("client")
    kept = {path: path.read_bytes() for path in changing.folder.iterdir()}
    with serving(toy_models, ops_address=ANY_PORT, **changing.settings(mutual=True)) as app:
        credentials = tls.credentials()
        spoil(changing)
        look(app)
        look(app)
        with grpc.secure_channel(app.address, credentials) as channel:
            grpc.channel_ready_future(channel).result(TIMEOUT)
        (refused,) = [line for line in caplog.records if line.levelname == "ERROR"]
        assert "those before stay" in refused.getMessage()
        caplog.clear()
        assert Scrape.of(app).value(CHANGES, result="refused") == 1
        for path, content in kept.items():
            path.write_bytes(content)
        look(app)
        assert Scrape.of(app).value(CHANGES) == 1
        changing.write("server", changing.server())
        look(app)
        assert Scrape.of(app).value(CHANGES, result="taken") == 1
        assert outcome(app.address, tls) == "OK"
    assert re.search(why, refused.getMessage())


def test_files_that_could_not_be_taken_at_first_are_taken_then(
    toy_models: Path, changing: Identities, by_hand: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(toy_models, ops_address=ANY_PORT, **changing.settings()) as app:
        first = serial(app)
        changing.write("server", changing.server())
        with monkeypatch.context() as moment:
            moment.setattr(CertificateFiles, "prove", too_early)
            look(app)
            look(app)
        assert serial(app) == first
        look(app)
        assert serial(app) != first
        changes = Scrape.of(app)
        assert [changes.value(CHANGES, result=result) for result in ("refused", "taken")] == [1, 1]


def too_early(_: CertificateFiles) -> None:
    raise PemError("the certificate is not yet valid")


@pytest.mark.parametrize(("spoil", "why"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_a_server_does_not_start_with_bad_files(
    toy_models: Path, changing: Identities, spoil: Any, why: str
) -> None:
    spoil(changing)
    with pytest.raises(ConfigError, match=why):
        new_app(toy_models, **changing.settings(mutual=True))
