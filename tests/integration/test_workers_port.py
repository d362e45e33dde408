"""The port that workers share: theirs alone, before they listen and after."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from ridgeline_server.supervisor.port import SharedPort


@pytest.fixture
def held() -> Iterator[SharedPort]:
    port = SharedPort("127.0.0.1:0")
    yield port
    port.close()


def listens(address: str, *, shared: bool) -> bool:
    """Whether a gRPC server can be on this address."""
    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.so_reuseport", int(shared))])
    try:
        return server.add_insecure_port(address) > 0
    except RuntimeError:
        return False
    finally:
        server.stop(None).wait()


def refused(address: str) -> str:
    with pytest.raises(OSError, match="choose another --address") as caught:
        SharedPort(address)
    return str(caught.value)


def left_behind(*, shared: bool) -> str:
    """An address where a server was that closed its connections first: the kernel remembers them."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        with socket.create_connection(address) as caller:
            listener.accept()[0].close()
            assert caller.recv(1) == b""
    return f"127.0.0.1:{address[1]}"


def test_port_0_becomes_a_real_one(held: SharedPort) -> None:
    host, _, port = held.address.rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0


def test_those_who_share_may_listen_all_others_not(held: SharedPort) -> None:
    assert not listens(held.address, shared=False)
    assert listens(held.address, shared=True)


def test_another_server_with_workers_is_refused_before_any_worker_listens(held: SharedPort) -> None:
    assert refused(held.address).startswith(f"cannot serve on {held.address}: Address already in use")


def test_whoever_listens_keeps_the_port() -> None:
    for shared in (0, 1):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            refused(f"127.0.0.1:{listener.getsockname()[1]}")


@pytest.mark.parametrize("shared", [False, True])
def test_connections_of_a_server_that_has_left_are_not_in_the_way(shared: bool) -> None:
    address = left_behind(shared=shared)
    port = SharedPort(address)
    try:
        assert port.address == address
        refused(address)
        assert not listens(address, shared=False)
        assert listens(address, shared=True)
        refused(address)
    finally:
        port.close()


def test_nobody_is_connected_before_a_worker_listens(held: SharedPort) -> None:
    host, _, port = held.address.rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_a_port_that_is_given_up_is_free(held: SharedPort) -> None:
    held.close()
    SharedPort(held.address).close()


def test_a_name_stands_for_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = (socket.SOCK_STREAM, 6, "")
    both = [
        (socket.AF_INET, *stream, ("127.0.0.1", 0)),
        (socket.AF_INET, *stream, ("127.0.0.2", 0)),
        (socket.AF_INET, *stream, ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    port = SharedPort("here:0")
    number = port.address.rpartition(":")[2]
    try:
        assert port.address == f"here:{number}"
        for host in ("127.0.0.1", "127.0.0.2"):
            assert not listens(f"{host}:{number}", shared=False)
    finally:
        port.close()


def test_an_address_of_another_machine_is_refused_but_not_beside_one_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "Cannot assign requested address" in refused("192.0.2.1:0")
    stream = (socket.SOCK_STREAM, 6, "")
    both = [
        (socket.AF_INET, *stream, ("192.0.2.1", 0)),
        (socket.AF_INET, *stream, ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    SharedPort("half:0").close()


def test_a_host_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert refused("no-such-host.invalid:1").startswith(
        "cannot serve on no-such-host.invalid:1: Name or service"
    )
