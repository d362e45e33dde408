"""Who may call a running server: tokens, roles, and a file that changes."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_server.access.roles import METHOD_ROLES, OPEN_METHODS, Role
from ridgeline_server.app import App
from ridgeline_server.transport.rpc import ServiceHandler, UnknownMethods
from support.conversation import Conversation
from support.identities import Identities
from support.process import failed_start, free_ports, server_process
from support.scrape import Scrape
from support.servers import ANY_PORT, serving
from support.status import refused
from support.tokens import Tokens, secret_in
from support.wire import SERVICE, TIMEOUT, Wire, connect, record

REQUEST = pb.PredictRequest(record=record())
UNAUTHENTICATED = (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
PERMISSION_DENIED = (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
SERVING = 1


def a_caller_for_each_role(folder: Path) -> Tokens:
    tokens = Tokens(folder / "tokens.json")
    for role in Role:
        tokens.enter(role.value, role)
    return tokens


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """A file that no test changes."""
    return a_caller_for_each_role(tmp_path_factory.mktemp("tokens"))


@pytest.fixture
def changing(tmp_path: Path) -> Tokens:
    """A file for one test to change."""
    return a_caller_for_each_role(tmp_path)


@pytest.fixture(scope="module")
def guarded(toy_models: Path, tokens: Tokens) -> Iterator[App]:
    """A server that asks who calls."""
    settings = {"tokens": str(tokens.path), "reflection": True, "ops_address": ANY_PORT}
    with serving(toy_models, **settings) as app:
        yield app


@pytest.fixture
def following(toy_models: Path, changing: Tokens) -> Iterator[App]:
    """A server of the file that changes."""
    with serving(toy_models, tokens=str(changing.path), ops_address=ANY_PORT) as app:
        yield app


@pytest.fixture
def its_wire(following: App) -> Iterator[Wire]:
    with connect(following.address) as wire:
        yield wire


@pytest.fixture
def wire(guarded: App) -> Iterator[Wire]:
    with connect(guarded.address) as wire:
        yield wire


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


Ask = Callable[..., object]


def methods(wire: Wire) -> dict[str, Ask]:
    """Each method of PricingService and reflection, asked once."""
    opening = [pb.PredictStreamRequest(open=pb.StreamOpen())]
    batch = pb.PredictBatchRequest(rows=pb.Records(records=[record()]))
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    reflect: Any = reflection_pb2_grpc.ServerReflectionStub(wire.channel)
    return {
        SERVICE + "Predict": partial(wire.stub.Predict, REQUEST),
        SERVICE + "PredictBatch": partial(wire.stub.PredictBatch, batch),
        SERVICE + "DescribeModel": partial(wire.stub.DescribeModel, pb.DescribeModelRequest()),
        SERVICE + "PredictStream": lambda **options: list(wire.stub.PredictStream(iter(opening), **options)),
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": lambda **options: list(
            reflect.ServerReflectionInfo(iter([asked]), **options)
        ),
    }


def answer_of(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    try:
        call()
    except grpc.RpcError:
        refusal = refused(call)
        return refusal.code, refusal.reason
    return grpc.StatusCode.OK, ""


def test_every_registered_method_has_its_place_in_the_table(guarded: App) -> None:
    grpcs: Any = guarded._listener._server
    itself, *services, unknown = grpcs._state.generic_handlers
    assert list(itself._method_handlers) == [guarded._listener._self_call._method]
    assert {type(service) for service in services} == {ServiceHandler}
    assert (type(unknown), grpcs._state.registered_method_handlers) == (UnknownMethods, {})
    handled = {name for service in services for name in service._handlers}
    assert handled == METHOD_ROLES.keys() | OPEN_METHODS
    assert not METHOD_ROLES.keys() & OPEN_METHODS


@pytest.mark.parametrize("method", sorted(METHOD_ROLES))
def test_a_method_answers_those_who_have_its_roles_and_nobody_else(
    wire: Wire, tokens: Tokens, method: str
) -> None:
    ask = methods(wire)[method]
    for role in Role:
        got = answer_of(partial(ask, metadata=bearer(tokens.of[role.value]), timeout=TIMEOUT))
        assert got == ((grpc.StatusCode.OK, "") if role in METHOD_ROLES[method] else PERMISSION_DENIED)
    assert answer_of(partial(ask, timeout=TIMEOUT)) == UNAUTHENTICATED


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], "no credential: send the metadata authorization: Bearer TOKEN"),
        (["Bearer "], "not one bearer token"),
        (["Basic dXNlcjpwYXNz"], "not one bearer token"),
        (["Bearer x", "Bearer y"], "not one bearer token"),
        (["Bearer x"], "token is not known"),
    ],
)
def test_a_caller_is_told_what_its_credential_lacks(wire: Wire, values: list[str], told: str) -> None:
    metadata = [("authorization", value) for value in values]
    refusal = refused(lambda: wire.stub.Predict(REQUEST, metadata=metadata, timeout=TIMEOUT))
    assert (refusal.code, refusal.reason) == UNAUTHENTICATED
    assert told in refusal.message


def test_a_caller_without_the_role_is_told_which(wire: Wire, tokens: Tokens) -> None:
    metadata = bearer(tokens.of["audit"])
    refusal = refused(lambda: wire.stub.Predict(REQUEST, metadata=metadata, timeout=TIMEOUT))
    assert refusal.message == "caller audit has the role audit, and Predict needs predict: ask the operator"
    assert dict(refusal.info.metadata) == {"caller": "audit", "needed": "predict"}


@pytest.mark.parametrize("role", list(Role))
def test_the_full_view_is_for_operators(wire: Wire, tokens: Tokens, role: Role) -> None:
    request = pb.DescribeModelRequest(view=pb.DESCRIBE_VIEW_FULL)
    ask = partial(wire.stub.DescribeModel, request, metadata=bearer(tokens.of[role.value]), timeout=TIMEOUT)
    assert answer_of(ask) == ((grpc.StatusCode.OK, "") if role is Role.OPERATE else PERMISSION_DENIED)


def test_health_is_open_to_all(wire: Wire) -> None:
    assert wire.check() == SERVING
    assert next(wire.watch()).status == SERVING


def test_without_a_file_everybody_may_call(toy_models: Path) -> None:
    with serving(toy_models) as app, connect(app.address) as wire:
        assert wire.predict(REQUEST).currency_code == "EUR"
        assert wire.describe(view=pb.DESCRIBE_VIEW_FULL).HasField("linear_form")
        assert answer_of(partial(wire.stub.Predict, REQUEST, metadata=bearer("x"), timeout=TIMEOUT)) == (
            grpc.StatusCode.OK,
            "",
        )


@pytest.mark.parametrize("method", ["Predict", "PredictBatch", "DescribeModel", "PredictStream"])
@pytest.mark.parametrize("values", [[], ["Bearer x"]], ids=["no token", "a wrong one"])
def test_a_refused_caller_never_waits_for_its_message_on_a_thread_of_the_pool(
    guarded: App, wire: Wire, values: list[str], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[object] = []
    for pool in (guarded._listener._pool, guarded._listener._streams):
        monkeypatch.setattr(pool, "submit", lambda *call, **_: taken.append(call))
    metadata = [("authorization", value) for value in values]
    silent = [wire.header_only(method, metadata=metadata) for _ in range(8)]
    codes = {caller.call.exception(TIMEOUT).code() for caller in silent}
    assert codes == {grpc.StatusCode.UNAUTHENTICATED}
    assert taken == []


def test_a_file_that_changes_is_read_again_and_a_broken_one_is_not_taken(
    following: App, its_wire: Wire, changing: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watch = following._tokens
    assert watch is not None
    new = changing.enter("new", Role.PREDICT)
    watch.look()
    ask = partial(its_wire.stub.Predict, REQUEST, metadata=bearer(new), timeout=TIMEOUT)
    assert answer_of(ask)[0] is grpc.StatusCode.OK
    changing.path.write_text("{")
    watch.look()
    watch.look()
    assert answer_of(ask)[0] is grpc.StatusCode.OK
    changing.path.unlink()
    watch.look()
    assert answer_of(ask)[0] is grpc.StatusCode.OK
    changing.revoke("new")
    watch.look()
    assert answer_of(ask) == UNAUTHENTICATED
    reads = Scrape.of(following)
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert len(errors) == 2
    assert all("is not taken, the tokens stay as they were" in text for text in errors)
    assert reads.value("ridgeline_token_reads_total", outcome="taken") == 2
    assert reads.value("ridgeline_token_reads_total", outcome="refused") == 2


def test_a_file_that_could_not_be_read_for_a_moment_is_taken_then(
    following: App, its_wire: Wire, changing: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = following._tokens
    assert watch is not None
    changing.revoke("predict")
    with monkeypatch.context() as moment:
        moment.setattr(Path, "read_text", no_descriptor_left)
        watch.look()
        watch.look()
    watch.look()
    ask = partial(its_wire.stub.Predict, REQUEST, metadata=bearer(changing.of["predict"]), timeout=TIMEOUT)
    assert answer_of(ask) == UNAUTHENTICATED
    reads = Scrape.of(following)
    assert reads.value("ridgeline_token_reads_total", outcome="refused") == 1
    assert reads.value("ridgeline_token_reads_total", outcome="taken") == 1


def no_descriptor_left(*_: object, **__: object) -> str:
    raise OSError(errno.EMFILE, "Too many open files")


def test_an_open_stream_ends_when_its_caller_may_not_call_any_more(
    following: App, its_wire: Wire, changing: Tokens
) -> None:
    watch = following._tokens
    assert watch is not None
    stream = Conversation(its_wire, metadata=bearer(changing.of["predict"]))
    stream.send()
    assert stream.answer().row_count == 1
    changing.revoke("predict")
    watch.look()
    stream.send()
    refusal = refused(stream.answer)
    stream.end()
    assert (refusal.code, refusal.reason) == UNAUTHENTICATED


def test_a_running_server_finds_the_change_by_itself(toy_models: Path, changing: Tokens) -> None:
    flags = [*free_ports(toy_models), "--tokens", str(changing.path)]
    with server_process(*flags) as process, connect(process.address()) as wire:
        ask = partial(wire.stub.Predict, REQUEST, metadata=bearer(changing.of["predict"]), timeout=TIMEOUT)
        assert answer_of(ask)[0] is grpc.StatusCode.OK
        changing.revoke("predict")
        process.wait_line("was read again")
        assert answer_of(ask) == UNAUTHENTICATED


def test_a_server_does_not_start_with_a_broken_file(toy_models: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"format_version": 1, "entries": [{"name": "shop"}]}')
    code, said = failed_start(*free_ports(toy_models), "--workers", "2", "--tokens", str(broken))
    assert code == 2
    assert f"tokens {broken}: entries.0.id: Field required" in said


def test_a_server_does_not_start_without_its_file(toy_models: Path, tmp_path: Path) -> None:
    code, said = failed_start(*free_ports(toy_models), "--tokens", str(tmp_path / "none"))
    assert (code, "cannot be read: No such file" in said) == (2, True)


def test_a_token_that_has_expired_is_refused(toy_models: Path, tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    old = tokens.enter("old", Role.PREDICT, expires=datetime(2020, 1, 1, tzinfo=UTC))
    with serving(toy_models, tokens=str(tokens.path)) as app, connect(app.address) as wire:
        refusal = refused(lambda: wire.stub.Predict(REQUEST, metadata=bearer(old), timeout=TIMEOUT))
    assert (refusal.code, refusal.reason) == UNAUTHENTICATED
    assert "has expired" in refusal.message


def test_a_server_never_shows_a_token(
    guarded: App, wire: Wire, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = tokens.of["predict"][:-1] + "-"
    told = []
    for token in (*tokens.of.values(), wrong):
        for ask in methods(wire).values():
            try:
                ask(metadata=bearer(token), timeout=TIMEOUT)
            except grpc.RpcError as error:
                told.append(f"{error!r} {error.trailing_metadata()!r}")
    logged = [f"{r.getMessage()} {vars(r)}" for r in caplog.records if r.name.startswith("ridgeline")]
    page = repr(Scrape.of(guarded).families)
    assert told
    assert logged
    assert any("'caller': 'audit'" in line for line in logged)
    shown = "\n".join([*told, *logged, page])
    assert [token for token in (*tokens.of.values(), wrong) if secret_in(token) in shown] == []
    carried = {value for series, _ in Scrape.of(guarded).series() for _, value in series[1]}
    assert not carried & tokens.of.keys()


@pytest.fixture(scope="module")
def with_edge(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """A file that also knows the certificate subject edge.example, for predict."""
    tokens = a_caller_for_each_role(tmp_path_factory.mktemp("edge"))
    tokens.enter("edge", Role.PREDICT, sha256=None, subject="edge.example")
    return tokens


@pytest.fixture(scope="module")
def with_subjects(toy_models: Path, with_edge: Tokens) -> Iterator[Wire]:
    """A server that knows tokens and subjects, without TLS."""
    settings = {"tokens": str(with_edge.path), "reflection": True, "message_timeout_s": 3600}
    with serving(toy_models, **settings) as app, connect(app.address) as wire:
        yield wire


@pytest.fixture(scope="module")
def by_certificate(
    toy_models: Path, with_edge: Tokens, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Wire]]:
    """Callers who show their certificates: edge, who may predict, and a stranger."""
    identities = Identities.of(tmp_path_factory.mktemp("certificates"))
    for name in ("edge", "stranger"):
        identities.write(name, identities.authority.issue(f"{name}.example"))
    settings = {"tokens": str(with_edge.path), "reflection": True, **identities.settings(mutual=True)}
    with serving(toy_models, **settings) as app:
        edge, stranger = (connect(app.address, identities.tls(name)) for name in ("edge", "stranger"))
        with edge as known, stranger as unknown:
            yield {"edge": known, "stranger": unknown}


@pytest.mark.parametrize("method", sorted(METHOD_ROLES))
def test_a_certificates_subject_is_judged_like_a_token(
    by_certificate: dict[str, Wire], with_edge: Tokens, method: str
) -> None:
    ask, stranger = (
        partial(methods(by_certificate[name])[method], timeout=TIMEOUT) for name in ("edge", "stranger")
    )
    assert answer_of(ask) == (grpc.StatusCode.OK, "")
    assert answer_of(stranger) == UNAUTHENTICATED
    assert answer_of(partial(stranger, metadata=bearer(with_edge.of["predict"])))[0] is grpc.StatusCode.OK


@pytest.mark.parametrize("method", ["Predict", "PredictBatch", "DescribeModel", "PredictStream"])
def test_without_a_certificate_nobody_waits_for_the_message(with_subjects: Wire, method: str) -> None:
    silent = [with_subjects.header_only(method) for _ in range(8)]
    codes = {caller.call.exception(TIMEOUT).code() for caller in silent}
    assert codes == {grpc.StatusCode.UNAUTHENTICATED}


def test_the_full_view_is_not_for_any_certificate(by_certificate: dict[str, Wire]) -> None:
    refusal = refused(lambda: by_certificate["edge"].describe(view=pb.DESCRIBE_VIEW_FULL))
    assert (refusal.code, refusal.reason) == PERMISSION_DENIED
    assert (
        refusal.message
        == "caller edge has the role predict, and the FULL view needs operate: ask the operator"
    )


def test_where_the_server_calls_itself_nobody_else_gets_prices(toy_models: Path, tmp_path: Path) -> None:
    identities = Identities.of(tmp_path)
    before = private_addresses()
    with serving(toy_models, **identities.settings(mutual=True), reflection=True):
        (address,) = private_addresses() - before
        with connect(address) as wire:
            assert wire.check() == SERVING
            for ask in methods(wire).values():
                assert answer_of(partial(ask, timeout=TIMEOUT)) == PERMISSION_DENIED


def private_addresses() -> set[str]:
    """Where servers of this process call themselves: every user of the machine can see it."""
    own = []
    for opened in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            own.append(str(opened.readlink()))
    found = re.findall(r" (\d+) @(ridgeline-\w+)$", Path("/proc/net/unix").read_text(), re.MULTILINE)
    return {f"unix-abstract:{name}" for inode, name in found if f"socket:[{inode}]" in own}
