"""How a call is received, answered and refused. Servicer methods see messages and raise domain errors only.

Unary methods are registered as streams of one message. On the wire that is the same; here it makes a caller
who sends headers and then nothing visible (`ParkingPool.parked`) and cancellable, and it moves parsing off
grpcio's one serving thread.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from ridgeline_server.errors import DeadlinePassed, MalformedMessage, PricingError
from ridgeline_server.transport.pool import ParkingPool, PoolLimits
from ridgeline_server.transport.status import WireStatus, internal, wire_status

_log = logging.getLogger(__name__)

_Behaviour = TypeVar("_Behaviour", bound=Callable[..., Any])
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

Admit = Callable[[], PricingError | None]
"""Says, before a call takes a thread, why it must not: None when it may."""


@dataclass(frozen=True, slots=True)
class UnaryMethod:
    """A method that answers one `request` message with one message."""

    request: type[Message]
    answer: Callable[[Any], Message]


@dataclass(frozen=True, slots=True)
class StreamMethod:
    """A method that answers a stream of `request` messages with a stream of messages."""

    request: type[Message]
    answer: Callable[[Iterator[Any]], Iterator[Message]]


def new_request_id() -> str:
    """A fresh name for a call, 16 hexadecimal digits."""
    return os.urandom(8).hex()


class ServiceHandler(grpc.GenericRpcHandler):
    """Finds the handler of a method, or a refusal, on grpcio's serving thread: so it must be quick."""

    def __init__(self, handlers: Mapping[str, Handler], admit: Admit) -> None:
        """`handlers` by full method name, such as "/ridgeline.v1.PricingService/Predict"."""
        self._handlers = handlers
        self._admit = admit
        self._refusals = ParkingPool(PoolLimits(active=1))

    def service(self, details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the method's handler, a refusal, or None for a method of another service."""
        handler = self._handlers.get(details.method)
        if handler is None:
            return None
        refusal = self._admit()
        return handler if refusal is None else self._refuse(refusal)

    def close(self) -> None:
        """Let the threads leave."""
        self._refusals.shutdown()

    def _refuse(self, error: PricingError) -> Handler:
        def behaviour(_: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            abort(context, wire_status(error, new_request_id()))

        # A stream, so that it does not wait for the message; on threads of its own, so that it does not
        # queue behind the calls it is refused for.
        return grpc.stream_stream_rpc_method_handler(on_pool(behaviour, self._refusals))


def unary(method: UnaryMethod, pool: ParkingPool) -> Handler:
    """The handler of a method that reads one message, on `pool`."""

    def behaviour(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        try:
            with pool.parked(context.cancel):
                raw = next(requests, None)
        except grpc.RpcError:  # the caller left before it sent its message
            return b""
        return answer(raw, method, context)

    return grpc.stream_unary_rpc_method_handler(on_pool(behaviour, pool))


def stream(method: StreamMethod, pool: ParkingPool, refusal: Admit) -> Handler:
    """The handler of a method that answers a stream, on `pool`. It ends between two answers, with the
    status of `refusal()`, once there is one."""

    def behaviour(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        try:
            for response in method.answer(_received(requests, method.request, pool, context)):
                yield response.SerializeToString()
                if (why := refusal()) is not None:
                    raise why
            return
        except grpc.RpcError:  # the caller left
            return
        except Exception as error:  # noqa: BLE001  # see `told`
            status = wire_status(*told(error))
        abort(context, status)

    return grpc.stream_stream_rpc_method_handler(on_pool(behaviour, pool))


def _received(
    requests: Iterator[bytes], kind: type[Message], pool: ParkingPool, context: grpc.ServicerContext
) -> Iterator[Any]:
    while True:
        with pool.parked(context.cancel):
            raw = next(requests, None)
        if raw is None:
            return
        yield _parse(raw, kind)


def on_pool(behaviour: _Behaviour, pool: ParkingPool) -> _Behaviour:
    """Have grpcio run a behaviour on `pool`."""
    behaviour.experimental_thread_pool = pool  # type: ignore[attr-defined]  # grpcio's own hook
    return behaviour


def answer(raw: bytes | None, method: UnaryMethod, context: grpc.ServicerContext) -> bytes:
    """Answer one call, or abort it with the status of what went wrong."""
    result = _attempt(raw, method, context)
    if isinstance(result, WireStatus):
        abort(context, result)
    return result


def _attempt(raw: bytes | None, method: UnaryMethod, context: grpc.ServicerContext) -> bytes | WireStatus:
    try:
        if not context.is_active():
            raise DeadlinePassed
        return method.answer(_parse(raw, method.request)).SerializeToString()
    except Exception as error:  # noqa: BLE001  # see `told`
        return wire_status(*told(error))


def told(error: Exception) -> tuple[PricingError, str]:
    """What the caller is told of an error, and the request id: of the unforeseen, which is logged, no more
    than the id."""
    request_id = new_request_id()
    if isinstance(error, PricingError):
        return error, request_id
    _log.error("request %s failed", request_id, exc_info=error)
    return internal(request_id), request_id


def abort(context: grpc.ServicerContext, status: WireStatus) -> NoReturn:
    """End the call with a status; what is raised is grpcio's own and must not be caught."""
    context.abort_with_status(status)
    raise AssertionError("abort_with_status raises")


def _parse(raw: bytes | None, kind: type[Message]) -> Message:
    if raw is None:
        raise MalformedMessage(f"the call had no message: send one {kind.DESCRIPTOR.name}")
    try:
        return kind.FromString(raw)
    except DecodeError:
        name = kind.DESCRIPTOR.full_name
        raise MalformedMessage(f"the bytes are no {name}: check the contract's version") from None
