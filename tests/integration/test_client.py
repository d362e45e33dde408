"""The client against a real gRPC server with a scripted service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2

from ridgeline.v1 import pricing_service_pb2 as pb
from ridgeline_client import (
    DeadlineExceeded,
    InvalidInput,
    MessageTooLarge,
    ModelNotFound,
    NoticeKind,
    Overloaded,
    PriceRejected,
    PricingClient,
    RetryPolicy,
    ServerError,
    Unavailable,
)
from support.stub_server import Failure, StubServer, StubServicer, description, feature, running_stub

UNAVAILABLE = Failure(grpc.StatusCode.UNAVAILABLE)
CANCELLED = Failure(grpc.StatusCode.CANCELLED)
FAST = RetryPolicy(initial_backoff=0.01, max_backoff=0.01)


def overloaded(pushback_ms: int) -> Failure:
    return Failure(
        grpc.StatusCode.RESOURCE_EXHAUSTED, trailers=(("grpc-retry-pushback-ms", str(pushback_ms)),)
    )


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with running_stub() as running:
        yield running


@pytest.fixture
def client(stub: StubServer) -> Iterator[PricingClient]:
    with PricingClient(stub.address, timeout=30, retry=FAST) as opened:
        yield opened


def test_one_product_gets_a_typed_price(client: PricingClient, stub: StubServer) -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    answer = client.predict(
        {"screen_size": 6.5, "ram": None, "shelf": 7.0, "brand": "007"},
        version=3,
        record_id="p-1",
        event_time=noon,
        explain=True,
        unknown_features="ignore_and_report",
        schema_fingerprint="f" * 64,
    )
    assert (answer.price, answer.lower, answer.upper, answer.currency) == (106.5, 93.0, 120.0, "USD")
    assert (answer.model.name, answer.model.version, answer.prediction_set_id) == ("techmart", 3, "set-1")
    assert [(n.kind, n.feature, n.used) for n in answer.notices] == [(NoticeKind.IMPUTED, "ram", "8")]
    assert answer.has(NoticeKind.IMPUTED)
    assert answer.explanation is not None
    (request,) = stub.servicer.requests["Predict"]
    assert request.choice.version == 3
    assert dict(request.record.categorical) == {"shelf": "7", "brand": "007"}
    assert set(request.record.numeric) == {"screen_size", "ram"}
    assert request.record.event_time.ToDatetime(tzinfo=UTC) == noon
    assert request.options.unknown_features == pb.UNKNOWN_FEATURES_IGNORE_AND_REPORT
    assert request.options.schema_fingerprint == "f" * 64
    assert answer.record_id == "p-1"


def test_a_table_gets_arrays(client: PricingClient, stub: StubServer) -> None:
    batch = client.predict_batch(
        {"ram": [1, None, 3], "shelf": [7, None, 8]},
        record_ids=["a", "b", "c"],
        event_times=[datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), None, None],
        notice_bitmaps=True,
    )
    np.testing.assert_array_equal(batch.price, [100.0, 101.0, 102.0])
    assert batch.cells(NoticeKind.IMPUTED).shape == (3, len(stub.servicer.description.features))
    assert batch.cells(NoticeKind.IMPUTED)[0].tolist() == [False, True, False, False, False, False]
    (request,) = stub.servicer.requests["PredictBatch"]
    assert list(request.columns.record_ids) == ["a", "b", "c"]
    assert list(request.columns.event_times_us) == [1_000_000, 0, 0]
    assert list(request.columns.categorical[0].dictionary) == ["7", "8"]


def test_the_schema_is_asked_for_once(client: PricingClient, stub: StubServer) -> None:
    client.predict({"ram": 1})
    client.predict_batch({"ram": [1]})
    assert len(stub.servicer.requests["DescribeModel"]) == 1
    client.predict({"ram": 1}, label="champion")
    assert [r.choice.label for r in stub.servicer.requests["DescribeModel"]] == ["", "champion"]


def test_a_model_whose_kinds_changed_is_asked_about_again(client: PricingClient, stub: StubServer) -> None:
    client.predict({"shelf": 7})
    stub.servicer.description = description(features=[feature("shelf")])
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field='record.categorical["shelf"]', reason="WRONG_KIND", description="a number")
    stub.servicer.fail("Predict", Failure(grpc.StatusCode.INVALID_ARGUMENT, details=[bad]))
    assert client.predict({"shelf": 7}).price == 107.0
    assert dict(stub.servicer.requests["Predict"][-1].record.numeric) == {"shelf": 7.0}


@pytest.mark.parametrize(
    "failure", [UNAVAILABLE, overloaded(1), CANCELLED], ids=["unavailable", "overloaded", "cancelled"]
)
@pytest.mark.parametrize("method", ["Predict", "PredictBatch", "DescribeModel"])
def test_pure_calls_are_tried_again(
    client: PricingClient, stub: StubServer, method: str, failure: Failure
) -> None:
    stub.servicer.fail(method, failure, failure)
    asked: dict[str, Callable[[], object]] = {
        "Predict": lambda: client.predict({"ram": 1}),
        "PredictBatch": lambda: client.predict_batch({"ram": [1]}),
        "DescribeModel": client.describe,
    }
    asked[method]()
    assert len(stub.servicer.requests[method]) == 3


def test_the_server_decides_how_long_to_wait(stub: StubServer) -> None:
    slow = RetryPolicy(initial_backoff=1_000, max_backoff=1_000)
    stub.servicer.fail("Predict", overloaded(1), overloaded(1))
    with PricingClient(stub.address, timeout=30, retry=slow) as client:
        client.predict({"ram": 1})  # with the policy's own backoff the deadline would pass first
    assert len(stub.servicer.requests["Predict"]) == 3


def test_a_server_that_forbids_retries_is_obeyed(client: PricingClient, stub: StubServer) -> None:
    stub.servicer.fail("Predict", overloaded(-1))
    with pytest.raises(Overloaded):
        client.predict({"ram": 1})
    assert len(stub.servicer.requests["Predict"]) == 1


def test_batches_above_grpcs_own_retry_buffer_are_tried_again(
    client: PricingClient, stub: StubServer
) -> None:
    stub.servicer.fail("PredictBatch", UNAVAILABLE)
    client.predict_batch({name: np.ones(10_000) for name in ("ram", "weight", "screen_size", "extra")})
    first, second = stub.servicer.requests["PredictBatch"]
    assert first.ByteSize() > 256 * 1024
    assert first == second


def test_retries_end(client: PricingClient, stub: StubServer) -> None:
    stub.servicer.fail("Predict", *[UNAVAILABLE] * 4)
    with pytest.raises(Unavailable, match=stub.address) as caught:
        client.predict({"ram": 1})
    assert len(stub.servicer.requests["Predict"]) == 4
    assert isinstance(caught.value.__cause__, grpc.RpcError)


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT])
def test_other_failures_are_not_tried_again(
    client: PricingClient, stub: StubServer, code: grpc.StatusCode
) -> None:
    stub.servicer.fail("Predict", Failure(code))
    with pytest.raises((ServerError, InvalidInput)):
        client.predict({"ram": 1})
    assert len(stub.servicer.requests["Predict"]) == 1


def test_error_details_survive_the_wire(client: PricingClient, stub: StubServer) -> None:
    info = error_details_pb2.ErrorInfo(
        reason="PRICE_REJECTED", domain="ridgeline", metadata={"model_price": "612.5"}
    )
    request = error_details_pb2.RequestInfo(request_id="r-17")
    stub.servicer.fail("Predict", Failure(grpc.StatusCode.FAILED_PRECONDITION, "above", [info, request]))
    with pytest.raises(PriceRejected) as caught:
        client.predict({"ram": 1})
    assert (caught.value.model_price, caught.value.request_id) == (612.5, "r-17")


def test_every_call_has_a_deadline(stub: StubServer) -> None:
    with PricingClient(stub.address, timeout=20) as client:
        client.predict({"ram": 1})
        client.predict_batch({"ram": [1]})
        client.describe(full=True)
        client.predict({"ram": 1}, timeout=1_000)
    assert len(stub.servicer.seconds_left) == 5
    assert all(0 < left < 21 for left in stub.servicer.seconds_left[:4])  # gRPC rounds up on the wire
    assert 21 < stub.servicer.seconds_left[4] < 1_100


def test_a_call_that_the_server_keeps_cancelling_is_unavailable(
    client: PricingClient, stub: StubServer
) -> None:
    stub.servicer.fail("Predict", *[CANCELLED] * 4)
    with pytest.raises(Unavailable, match="cancelled the call: scripted"):
        client.predict({"ram": 1})
    assert len(stub.servicer.requests["Predict"]) == 4


def test_closing_the_client_ends_its_calls_and_blames_no_server(stub: StubServer) -> None:
    stub.servicer.hold = threading.Event()
    client = PricingClient(stub.address, timeout=30, retry=FAST)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.predict, {"ram": 1})
        stub.servicer.priced.acquire(timeout=10)
        client.close()
        with pytest.raises(ValueError, match="closed while it waited"):
            waiting.result()


def test_a_token_that_became_a_category_reaches_the_server(client: PricingClient, stub: StubServer) -> None:
    stub.servicer.description = description(missing_tokens=["NA"])
    client.predict({"brand": "NA", "ram": "NA"})
    assert dict(stub.servicer.requests["Predict"][-1].record.categorical) == {"brand": "NA"}
    rollout = pb.ModelRef(name="techmart", version=4, digest="ef" * 32)
    stub.servicer.description = description(model=rollout)
    client.predict_batch({"brand": ["NA"]})
    (column,) = stub.servicer.requests["PredictBatch"][-1].columns.categorical
    assert list(column.dictionary) == ["NA"]
    with pytest.raises(InvalidInput, match="expected a number, got 'NA'"):
        client.predict({"ram": "NA"})
    assert len(stub.servicer.requests["DescribeModel"]) == 2


def test_a_limit_that_was_raised_is_noticed(client: PricingClient, stub: StubServer) -> None:
    stub.servicer.description = description(limits=pb.Limits(max_rows=100, max_message_bytes=700))
    client.predict({"ram": 1})
    stub.servicer.description = description(limits=pb.Limits(max_rows=100, max_message_bytes=7_000))
    assert len(client.predict_batch({"ram": np.ones(100)})) == 100


def test_rows_are_counted_before_they_are_converted(client: PricingClient, stub: StubServer) -> None:
    stub.servicer.description = description(limits=pb.Limits(max_rows=100))
    with pytest.raises(InvalidInput) as caught:
        client.predict_batch({"ram": ["cheap"] * 101})
    assert [violation.reason for violation in caught.value.violations] == ["ROW_LIMIT_EXCEEDED"]


def test_a_refused_column_is_called_by_its_name(client: PricingClient, stub: StubServer) -> None:
    bad = error_details_pb2.BadRequest()
    for path in ("columns.numeric.names[1]", "columns.categorical[0].name", "columns.categorical[1].codes"):
        bad.field_violations.add(field=path, reason="OUT_OF_VALID_RANGE", description="no")
    for path in ("columns.numeric.names[9]", "columns.row_count"):
        bad.field_violations.add(field=path, reason="INVALID_FIELD", description="no")
    info = error_details_pb2.ErrorInfo(reason="INVALID_INPUT", domain="ridgeline")
    request = error_details_pb2.RequestInfo(request_id="r-17")
    refused = Failure(grpc.StatusCode.INVALID_ARGUMENT, "no", [bad, info, request])
    stub.servicer.fail("PredictBatch", refused)
    with pytest.raises(InvalidInput, match="  weight: no") as caught:
        client.predict_batch({"ram": [1], "brand": ["a"], "weight": [2], "shelf": [3]})
    assert [v.feature for v in caught.value.violations] == ["weight", "brand", "shelf", "", ""]
    assert (caught.value.request_id, caught.value.violation_count) == ("r-17", 5)
    assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_a_late_answer_is_a_deadline_exceeded(client: PricingClient, stub: StubServer) -> None:
    client.describe()
    stub.servicer.hold = threading.Event()
    with pytest.raises(DeadlineExceeded, match=r"within 0\.05 s"):
        client.predict({"ram": 1}, timeout=0.05)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e20, 86_401])
def test_a_timeout_is_a_number_of_seconds(timeout: float) -> None:
    with pytest.raises(ValueError, match="seconds above 0"):
        PricingClient("localhost:1", timeout=timeout)


def test_no_server_is_unavailable() -> None:
    with (
        PricingClient("127.0.0.1:1", retry=FAST) as client,
        pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"),
    ):
        client.predict({"ram": 1})


def test_several_servers_are_used_in_turn_and_one_may_go() -> None:
    with (
        running_stub() as first,
        running_stub() as second,
        PricingClient([first.address, second.address], timeout=30, retry=FAST) as client,
    ):
        for _ in range(10_000):  # until both connections stand
            client.describe()
            if first.servicer.requests["DescribeModel"] and second.servicer.requests["DescribeModel"]:
                break
        for _ in range(20):
            client.predict({"ram": 1})
        shares = [len(stub.servicer.requests["Predict"]) for stub in (first, second)]
        assert shares == [10, 10]
        first.server.stop(None).wait()
        for _ in range(10):
            client.predict({"ram": 1})
        assert len(second.servicer.requests["Predict"]) == 20


def test_a_request_above_the_clients_limit_is_not_sent(stub: StubServer) -> None:
    with PricingClient(stub.address, max_message_bytes=5_000, timeout=30) as client:
        with pytest.raises(MessageTooLarge, match=r"the limit is 5,000; nothing was sent") as caught:
            client.predict_batch({"ram": np.ones(1_000)})
        assert client.predict_batch({"ram": np.ones(10)}).price.shape == (10,)
    assert caught.value.limit == 5_000
    assert caught.value.size is not None
    assert caught.value.size > 8_000
    assert len(stub.servicer.requests["PredictBatch"]) == 1


def test_the_servers_own_limits_hold_too(client: PricingClient, stub: StubServer) -> None:
    stub.servicer.description = description(
        limits=pb.Limits(max_rows=100, max_records=10, max_message_bytes=700)
    )
    with pytest.raises(MessageTooLarge, match="the limit is 700"):
        client.predict_batch({"ram": np.ones(100)})
    with pytest.raises(InvalidInput, match="101 rows, the server takes 100 in one batch"):
        client.predict_batch({"ram": np.ones(101)})
    assert not stub.servicer.requests["PredictBatch"]


def test_a_server_with_a_smaller_limit_than_it_says_is_no_overload() -> None:
    with (
        running_stub(max_receive=1_000) as stub,
        PricingClient(stub.address, timeout=30, retry=FAST) as client,
        pytest.raises(MessageTooLarge) as caught,
    ):
        client.predict_batch({"ram": np.ones(1_000)})
    assert caught.value.limit == 1_000


def test_an_answer_above_the_limit_is_too_large(stub: StubServer) -> None:
    with (
        PricingClient(stub.address, max_message_bytes=1_500, timeout=30) as client,
        pytest.raises(MessageTooLarge, match="fewer rows"),
    ):
        client.predict_batch({"shelf": np.ones(1_000)})


def test_one_client_serves_many_threads(client: PricingClient, stub: StubServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        prices = list(pool.map(lambda ram: client.predict({"ram": ram}).price, range(100)))
    assert prices == [100.0 + ram for ram in range(100)]


@pytest.mark.parametrize(
    ("service", "status"),
    [("", "SERVING"), ("ridgeline.draining", "NOT_SERVING"), ("nobody", "SERVICE_UNKNOWN")],
)
def test_health_is_told_by_name(client: PricingClient, service: str, status: str) -> None:
    assert client.health(service) == status


def test_health_of_something_else_is_an_error() -> None:
    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.so_reuseport", 0)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with (
        PricingClient(f"127.0.0.1:{port}", timeout=30) as client,
        pytest.raises(ServerError, match="is it a Ridgeline server"),
    ):
        client.health()
    server.stop(None).wait()


def test_descriptions_are_typed(client: PricingClient, stub: StubServer) -> None:
    basic = client.describe("techmart", version=3)
    assert basic.linear_form is None
    assert (basic.model.version, basic.guard.policy, basic.limits.max_rows) == (3, "clamp", 10_000)
    assert basic.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert basic.features[3].categories[0].value == "Auralite"
    full = client.describe(full=True)
    assert full.linear_form is not None
    assert full.linear_form.numeric_terms[0].coefficient == 20
    assert full.reference_profile[0].deciles == tuple(range(1, 10))
    stub.servicer.fail("DescribeModel", Failure(grpc.StatusCode.NOT_FOUND, "no model 'x'; served: techmart"))
    with pytest.raises(ModelNotFound, match="served: techmart"):
        client.describe("x")


def test_options_that_do_not_exist_are_refused(client: PricingClient) -> None:
    with pytest.raises(ValueError, match=r"\['reject', 'ignore_and_report'\]"):
        client.predict({}, unknown_features="ignore")  # type: ignore[arg-type] # that is the point
    with pytest.raises(ValueError, match="float64"):
        client.predict_batch({}, dtype="float16")  # type: ignore[arg-type] # that is the point
    with pytest.raises(ValueError, match="max_message_bytes"):
        PricingClient(max_message_bytes=0)


def test_a_closed_client_says_so(stub: StubServer) -> None:
    client = PricingClient(stub.address)
    client.close()
    with pytest.raises(ValueError, match="closed"):
        client.describe()


def test_the_stub_is_a_complete_service() -> None:
    methods = {method.name for method in pb.DESCRIPTOR.services_by_name["PricingService"].methods}
    assert methods - {"PredictStream"} <= set(vars(StubServicer))
