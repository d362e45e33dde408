"""Who may call what, decided without a wire, a clock or a disk."""

from __future__ import annotations

import contextvars
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ridgeline_server.access.entries import Entry, TokensError, format_entries, parse_entries
from ridgeline_server.access.register import ANYBODY, Caller, Register, require_method
from ridgeline_server.access.roles import METHOD_ROLES, OPEN_METHODS, Role
from ridgeline_server.access.tokens import bearer_tokens, token_digest, token_id
from ridgeline_server.errors import PermissionDenied, RateExceeded, Unauthenticated
from ridgeline_server.transport.access import Access
from ridgeline_server.transport.tls import peer_subject
from support.context import Context
from support.tokens import entry_of, made_entry

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PEER = "ipv4:127.0.0.1:50000"
PREDICT = "/ridgeline.v1.PricingService/Predict"


def test_the_holder_of_a_token_is_its_caller() -> None:
    entry, token = made_entry("shop", Role.PREDICT)
    other, _ = made_entry("pages", Role.AUDIT)
    assert Register([other, entry]).by_token(token, 0.0) == Caller("shop", frozenset({Role.PREDICT}))


@pytest.mark.parametrize("spoil", ["secret", "id", "end", "text"])
def test_a_token_that_is_not_quite_the_one_is_not_known(spoil: str) -> None:
    entry, token = made_entry("shop", Role.PREDICT)
    wrong = {
        "secret": token[:-1] + ("a" if token[-1] != "a" else "b"),
        "id": token.replace(entry.id, "0" * 12),
        "end": token + "a",
        "text": "x",
    }[spoil]
    with pytest.raises(Unauthenticated, match="not known") as caught:
        Register([entry]).by_token(wrong, 0.0)
    assert wrong not in str(caught.value) or wrong == "x"


def test_the_digest_of_no_token_lets_nobody_in() -> None:
    subject = entry_of("edge", Role.PREDICT, subject="edge.example")
    with pytest.raises(Unauthenticated):
        Register([subject]).by_token(f"ridgeline_{subject.id}_{'a' * 43}", 0.0)


@pytest.mark.parametrize(("now", "valid"), [(99.9, True), (100.0, False)])
def test_a_credential_ends_when_it_expires(now: float, valid: bool) -> None:
    expires = datetime.fromtimestamp(100, UTC)
    entry, token = made_entry("shop", Role.PREDICT, expires=expires)
    subject = entry_of("edge", Role.PREDICT, subject="edge.example", expires=expires)
    register = Register([entry, subject])
    if valid:
        assert register.by_token(token, now).name == "shop"
        assert register.by_subject("edge.example", now).name == "edge"
        return
    with pytest.raises(Unauthenticated, match="token has expired"):
        register.by_token(token, now)
    with pytest.raises(Unauthenticated, match="entry has expired"):
        register.by_subject("edge.example", now)


def test_all_credentials_of_a_caller_share_its_bucket_and_a_new_register_takes_it_over() -> None:
    first, old = made_entry("batch", Role.PREDICT, rows_per_second=10)
    second, new = made_entry("batch", Role.PREDICT, rows_per_second=10)
    register = Register([first, second])
    bucket = register.by_token(old, 0.0).bucket
    assert bucket is not None
    assert register.by_token(new, 0.0).bucket is bucket
    assert Register([second], register).by_token(new, 0.0).bucket is bucket


def test_another_rate_is_another_bucket() -> None:
    entry, token = made_entry("batch", Role.PREDICT, rows_per_second=10)
    register = Register([entry])
    faster = Register([entry.model_copy(update={"rows_per_second": 20})], register)
    bucket = faster.by_token(token, 0.0).bucket
    assert bucket is not None
    assert bucket.rate == 20
    free = Register([entry.model_copy(update={"rows_per_second": None})], register)
    assert free.by_token(token, 0.0).bucket is None


@pytest.mark.parametrize("method", sorted(METHOD_ROLES))
@pytest.mark.parametrize("role", list(Role))
def test_a_method_takes_its_roles_and_no_other(method: str, role: Role) -> None:
    caller = Caller("c", frozenset({role}))
    if role in METHOD_ROLES[method]:
        require_method(caller, method)
        return
    with pytest.raises(PermissionDenied, match="caller c has the role") as caught:
        require_method(caller, method)
    assert caught.value.metadata == {"caller": "c", "needed": ", ".join(sorted(METHOD_ROLES[method]))}


def test_what_is_in_no_table_nobody_may_call() -> None:
    with pytest.raises(PermissionDenied, match="needs none that exists"):
        require_method(Caller("all", frozenset(Role)), "/ridgeline.v1.PricingService/Later")


@pytest.mark.parametrize(
    ("metadata", "tokens"),
    [
        ([], []),
        ([("authorization", "Bearer a"), ("other", "b")], ["a"]),
        ([("authorization", "bearer  a ")], ["a"]),
        ([("authorization", "Basic a")], [""]),
        ([("authorization", b"Bearer a")], [""]),
        ([("authorization", "Bearer a"), ("authorization", "Bearer b")], ["a", "b"]),
    ],
)
def test_bearer_tokens_are_read_from_metadata(metadata: Any, tokens: list[str]) -> None:
    assert bearer_tokens(metadata) == tokens


@pytest.mark.parametrize("text", ["", "ridgeline_", "ridgeline_0123456789ab_short", "Bearer x", "a" * 70])
def test_other_text_has_no_id(text: str) -> None:
    assert token_id(text) is None


def test_a_file_says_what_was_entered() -> None:
    entries = (
        made_entry("shop", Role.PREDICT, Role.REPORT, rows_per_second=5, expires=EPOCH)[0],
        entry_of("edge", Role.OPERATE, subject="edge.example"),
    )
    assert parse_entries(format_entries(entries)) == entries


def good() -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(format_entries([made_entry("shop", Role.PREDICT)[0]]))["entries"][0]
    return entry


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"roles": ["boss"]}, "entries.0.roles"),
        ({"roles": []}, "entries.0.roles"),
        ({"name": "a b"}, "entries.0.name"),
        ({"rows_per_second": 0}, "entries.0.rows_per_second"),
        ({"expires": "2027-01-01T00:00:00"}, "entries.0.expires"),
        ({"sha256": "plain"}, "entries.0.sha256"),
        ({"sha256": None}, "expected either sha256 or subject"),
        ({"subject": "edge"}, "expected either sha256 or subject"),
        ({"only_from": "10.0.0.0/8"}, "entries.0.only_from"),
    ],
)
def test_an_entry_that_is_wrong_is_named(change: dict[str, Any], told: str) -> None:
    content = {"format_version": 1, "entries": [good() | change]}
    with pytest.raises(TokensError, match=told):
        parse_entries(json.dumps(content))


def test_a_token_in_the_place_of_its_hash_is_not_repeated() -> None:
    _, token = made_entry("shop", Role.PREDICT)
    for change in ({"sha256": token}, {"token": token}, {"name": f"{token} "}):
        with pytest.raises(TokensError) as caught:
            parse_entries(json.dumps({"format_version": 1, "entries": [good() | change]}))
        assert token not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 2, "entries": []}', "no JSON"])
def test_what_is_no_file_of_tokens_is_refused(text: str) -> None:
    with pytest.raises(TokensError):
        parse_entries(text)


def test_entries_must_not_contradict_each_other() -> None:
    shop, pages = made_entry("shop", Role.PREDICT)[0], entry_of("pages", Role.AUDIT, subject="a")
    with pytest.raises(TokensError, match="of shop differ in roles or rows_per_second"):
        format_entries([shop, made_entry("shop", Role.AUDIT)[0]])
    with pytest.raises(TokensError, match=f"id {shop.id} is there twice"):
        format_entries([shop, shop])
    with pytest.raises(TokensError, match="subject is there twice"):
        format_entries([pages, entry_of("edge", Role.AUDIT, subject="a")])


def test_neither_entries_nor_callers_show_a_hash() -> None:
    entry, token = made_entry("shop", Role.PREDICT)
    register = Register([entry])
    shown = f"{entry!r} {register!r} {vars(register)!r} {register.by_token(token, 0.0)!r}"
    assert token_digest(token) not in shown
    assert token not in shown


class Peer(Context):
    """A caller with or without a verified certificate."""

    def __init__(self, subject: str | None) -> None:
        super().__init__()
        self._subject = subject

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_common_name": [self._subject.encode()]} if self._subject else {}


def asked(entries: list[Entry], method: str, subject: str | None, token: str = "") -> Caller:
    """What becomes of a call: first on the serving thread, then on its own."""
    register = Register(entries)
    access = Access(lambda: register)
    metadata = [("authorization", f"Bearer {token}")] if token else []
    if (refusal := access.refusal(method, metadata)) is not None:
        raise refusal
    context: Any = Peer(subject)
    return access.caller(context, PEER)


def in_a_call_of_its_own(*arguments: Any) -> Caller:
    return contextvars.Context().run(asked, *arguments)


def test_a_certificates_subject_is_a_caller() -> None:
    edge = entry_of("edge", Role.PREDICT, subject="edge.example")
    assert in_a_call_of_its_own([edge], PREDICT, "edge.example").name == "edge"
    with pytest.raises(Unauthenticated, match="subject is not known"):
        in_a_call_of_its_own([edge], PREDICT, "other.example")
    with pytest.raises(Unauthenticated, match="no credential"):
        in_a_call_of_its_own([edge], PREDICT, None)


def test_a_certificates_subject_has_its_roles_only() -> None:
    edge = entry_of("edge", Role.AUDIT, subject="edge.example")
    with pytest.raises(PermissionDenied, match="Predict needs predict"):
        in_a_call_of_its_own([edge], PREDICT, "edge.example")


def test_a_token_goes_before_a_certificate() -> None:
    edge = entry_of("edge", Role.PREDICT, subject="edge.example")
    shop, token = made_entry("shop", Role.PREDICT)
    assert in_a_call_of_its_own([edge, shop], PREDICT, "edge.example", token).name == "shop"
    with pytest.raises(Unauthenticated, match="token is not known"):
        in_a_call_of_its_own([edge, shop], PREDICT, "edge.example", token + "a")


def test_open_methods_and_servers_without_a_file_ask_nobody() -> None:
    shop, _ = made_entry("shop", Role.AUDIT)
    for method in OPEN_METHODS:
        assert in_a_call_of_its_own([shop], method, None) is ANYBODY
    context: Any = Peer(None)
    assert Access().refusal(PREDICT, []) is None
    assert Access().caller(context, PEER) is ANYBODY


def test_a_rate_says_how_long_to_wait_or_never() -> None:
    shop, token = made_entry("shop", Role.PREDICT, rows_per_second=10)
    caller = Register([shop]).by_token(token, 0.0)
    access = Access(clock=lambda: 0.0)
    access.take(caller, 10)
    with pytest.raises(
        RateExceeded, match="3 rows .* rate of 10 rows per second .*try again in 300 ms"
    ) as soon:
        access.take(caller, 3)
    with pytest.raises(RateExceeded, match="send at most 10 rows in one call") as never:
        access.take(caller, 11)
    assert (soon.value.retry_after_ms, never.value.retry_after_ms) == (300, RateExceeded.NEVER)


@pytest.mark.parametrize(
    ("shown", "subject"),
    [
        ({"x509_common_name": [b"edge.example"]}, "edge.example"),
        ({"x509_subject_alternative_name": [b"edge.example"]}, None),
        ({"x509_common_name": [b"edge.example", b"shop.example"]}, None),
        ({}, None),
    ],
)
def test_a_subject_is_the_common_name_and_nothing_else(
    shown: dict[str, list[bytes]], subject: str | None
) -> None:
    assert peer_subject(shown) == subject
