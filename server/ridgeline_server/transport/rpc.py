"""How a call is received, answered and refused. Servicer methods see messages and raise domain errors only.

Unary methods are registered as streams of one message. On the wire that is the same; here it makes a caller
who sends headers and then nothing visible (`ParkingPool.parked`) and cancellable, and it moves parsing off
grpcio's one serving thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from ridgeline_server.errors import MalformedMessage, PricingError
from ridgeline_server.monitoring.observer import Observers
from ridgeline_server.transport.call import Call, Calls, arrived
from ridgeline_server.transport.pace import wait_for_rate
from ridgeline_server.transport.pool import ParkingPool, PoolLimits
from ridgeline_server.transport.receive import next_message
from ridgeline_server.transport.status import WireStatus

_Behaviour = TypeVar("_Behaviour", bound=Callable[..., Any])
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

Check = Callable[[bytes], None]
"""Raises PricingError for the bytes of a message."""

Admit = Callable[[], PricingError | None]
"""Says, before a call takes a thread, why it must not: None when it may."""


@dataclass(frozen=True, slots=True)
class UnaryMethod:
    """A method that answers one `request` message with one serialised message; `check` refuses bytes that
    should not even be parsed."""

    request: type[Message]
    answer: Callable[[Any, Call], bytes]
    check: Check = lambda _: None


@dataclass(frozen=True, slots=True)
class StreamMethod:
    """A method that answers a stream of `request` messages with a stream of serialised messages; `check` as
    above."""

    request: type[Message]
    answer: Callable[[Iterator[Any], Call], Iterator[bytes]]
    check: Check = lambda _: None


class ServiceHandler(grpc.GenericRpcHandler):
    """Finds the handler of a method, or a refusal, on grpcio's serving thread: so it must be quick."""

    def __init__(self, handlers: Mapping[str, Handler], admit: Admit, calls: Calls) -> None:
        """`handlers` by full method name, such as "/ridgeline.v1.PricingService/Predict"."""
        self._handlers = handlers
        self._admit = admit
        self._calls = calls
        self._refusals = ParkingPool(PoolLimits(active=1))

    def service(self, details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the method's handler, a refusal, or None for a method of another service."""
        handler = self._handlers.get(details.method)
        if handler is None:
            return None
        arrived.set(time.perf_counter())
        refusal = self._calls.access.refusal(details.method, details.invocation_metadata) or self._admit()
        return handler if refusal is None else self._refuse(details.method, refusal)

    def close(self) -> None:
        """Let the threads leave."""
        self._refusals.shutdown()

    def _refuse(self, method: str, error: PricingError) -> Handler:
        def behaviour(_: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            abort(context, self._calls.begin(short(method), context).fail(error))

        # A stream, so that it does not wait for the message; on threads of its own, so that it does not
        # queue behind the calls it is refused for.
        return grpc.stream_stream_rpc_method_handler(on_pool(behaviour, self._refusals))


class UnknownMethods(grpc.GenericRpcHandler):
    """Asked last: counts the calls of methods nobody answers; grpcio refuses them."""

    def __init__(self, observers: Observers) -> None:
        self._observers = observers

    def service(self, details: grpc.HandlerCallDetails) -> None:  # noqa: ARG002  # inherited
        """Return None. The name the caller asked for is not kept: there is no end of names."""
        self._observers.ended("unknown", grpc.StatusCode.UNIMPLEMENTED.name, "")


def short(method: str) -> str:
    """The name of a method without its service."""
    return method.rpartition("/")[2]


def unary(name: str, method: UnaryMethod, pool: ParkingPool, calls: Calls) -> Handler:
    """The handler of a method that reads one message, on `pool`."""

    def behaviour(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        call = calls.begin(name, context)
        call.expires = arrived.get() + calls.longest_s
        calls.in_flight.enter(context)
        try:
            call.identify(context)
            raw = next_message(requests, pool, context)
        except grpc.RpcError:  # the caller left before it sent its message
            call.leave()
            return b""
        except PricingError as error:
            return abort(context, call.fail(error))
        return answer(raw, method, call, context)

    return grpc.stream_unary_rpc_method_handler(on_pool(behaviour, pool))


def stream(name: str, method: StreamMethod, pool: ParkingPool, refusal: Admit, calls: Calls) -> Handler:
    """The handler of a method that answers a stream, on `pool`. It ends between two answers, with the
    status of `refusal()`, once there is one."""

    def behaviour(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        call = calls.begin(name, context)
        call.slowed = True
        calls.in_flight.enter(context)
        messages = _received(requests, method, pool, call, context, refusal)
        try:
            call.identify(context)
            for content in method.answer(messages, call):
                call.answered()
                with pool.parked(context.cancel, _let_finish):  # until the caller has room for it
                    yield content
                if (why := refusal()) is not None:
                    raise why
            call.succeed()
            return
        except GeneratorExit:  # the caller left while an answer was on its way
            call.leave()
            raise
        except grpc.RpcError:  # the caller left
            call.leave()
            return
        except Exception as error:  # noqa: BLE001  # see `Call.tell`
            status = call.fail(error)
        abort(context, status)

    return grpc.stream_stream_rpc_method_handler(on_pool(behaviour, pool))


def _received(
    requests: Iterator[bytes],
    method: StreamMethod,
    pool: ParkingPool,
    call: Call,
    context: grpc.ServicerContext,
    refusal: Admit,
) -> Iterator[Any]:
    while (raw := next_message(requests, pool, context)) is not None:
        call.identify_again(context)
        # Meanwhile nothing more is read, and gRPC's flow control slows the caller down.
        wait_for_rate(call.debt, context, refusal)
        call.received()
        yield _parse(raw, method)


def _let_finish() -> None:
    """A drain waits for answers that are on their way."""


def identified(name: str, behaviour: Callable[..., Any], calls: Calls) -> Callable[..., Any]:
    """A behaviour of grpcio's own, for callers who may call it."""

    def checked(requests: Any, context: grpc.ServicerContext) -> Any:
        call = calls.begin(name, context)
        try:
            call.identify(context)
        except PricingError as error:
            abort(context, call.fail(error))
        return behaviour(requests, context)

    return checked


def on_pool(behaviour: _Behaviour, pool: ParkingPool) -> _Behaviour:
    """Have grpcio run a behaviour on `pool`."""
    behaviour.experimental_thread_pool = pool  # type: ignore[attr-defined]  # grpcio's own hook
    return behaviour


def answer(raw: bytes | None, method: UnaryMethod, call: Call, context: grpc.ServicerContext) -> bytes:
    """Answer one call, or abort it with the status of what went wrong."""
    call.received()
    try:
        call.require_time()
        content = method.answer(_parse(raw, method), call)
    except Exception as error:  # noqa: BLE001  # see `Call.tell`
        status = call.fail(error)
    else:
        call.answered()
        call.succeed()
        return content
    return abort(context, status)


def abort(context: grpc.ServicerContext, status: WireStatus) -> NoReturn:
    """End the call with a status; what is raised is grpcio's own and must not be caught."""
    context.abort_with_status(status)
    raise AssertionError("abort_with_status raises")


def _parse(raw: bytes | None, method: UnaryMethod | StreamMethod) -> Message:
    kind = method.request
    if raw is None:
        raise MalformedMessage(f"the call had no message: send one {kind.DESCRIPTOR.name}")
    method.check(raw)
    try:
        return kind.FromString(raw)
    except DecodeError:
        name = kind.DESCRIPTOR.full_name
        raise MalformedMessage(f"the bytes are no {name}: check the contract's version") from None
