"""Raw unary calls from an asyncio loop: serialised requests, answers that nobody parses.

Why asyncio with select, measured with a bare echo at 1,000 calls a second: `.future()` with callbacks sent 1%
of its calls more than 3 to 5 ms late, at 600 us of CPU a call. A pool of 32 blocking threads sent 1% more
than 0.8 to 1.3 ms late, at 450 us, but a server that stalls stalls it as soon as 32 calls are in flight.
asyncio has any number in flight; its usual epoll wakes on whole milliseconds (half the calls 0.4 ms late),
with select half were 0.15 ms late and 1% more than 0.6 to 1.4 ms, at 470 us a call.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio

from harness.channels import channel_options
from harness.workload import Workload
from ridgeline_client import PricingClient, Tls
from ridgeline_client.addresses import address_list, grpc_target
from ridgeline_client.channel import method
from ridgeline_client.token import call_metadata, read_token

OK = "OK"

_DISTINCT_RECORDS = 1_000
_DISTINCT_BATCHES = 20
_ROOM_BYTES = 1 << 20  # answers may be longer than requests
_CONNECT_TIMEOUT_S = 10.0

Result = TypeVar("Result")
Ask = Callable[[bytes], Coroutine[Any, Any, str]]
"""Sends one request; returns the name of the status it was answered with."""


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Whom to ask what.

    Attributes:
        address: HOST:PORT.
        method: the method's name, such as Predict.
        requests: serialised requests, sent in turn; each must be answered with OK.
        max_answer_bytes: the longest answer that is taken.
        timeout_s: deadline of each call.
        tls: how to speak TLS, None for plaintext.
        token: the bearer token of each call, None for none.
    """

    address: str
    method: str
    requests: Sequence[bytes]
    max_answer_bytes: int = 4 << 20
    timeout_s: float = 10.0
    tls: Tls | None = None
    token: str | None = field(default=None, repr=False)


def price_calls(
    address: str,
    rows: int | None = None,
    seed: int = 0,
    tls: Tls | None = None,
    token_file: Path | None = None,
) -> Calls:
    """Make calls for the prices of the server's default model: Predict, or PredictBatch with `rows` rows.

    Single rows are valid ones; a batch has rows that must be refused, and is answered with OK.

    Raises:
        ValueError: the address is no address, a file of `tls` is of no use, there is no token in the file, it
            would go out in plain, or the server takes no batches of so many rows.
        RidgelineError: the server does not describe its model.
    """
    token = read_token(token_file)
    with PricingClient(address, timeout=_CONNECT_TIMEOUT_S, tls=tls, token=token) as client:
        description = client.describe()
    workload = Workload(description, seed)
    room = description.limits.max_message_bytes + _ROOM_BYTES
    if rows is None:
        singles = [request.data for request in workload.unary(_DISTINCT_RECORDS) if not request.faults]
        return Calls(address, "Predict", singles, room, tls=tls, token=token)
    batches = [workload.batch(n * rows, rows).data for n in range(_DISTINCT_BATCHES)]
    return Calls(address, "PredictBatch", batches, room, tls=tls, token=token)


@asynccontextmanager
async def connected(calls: Calls, connections: int) -> AsyncIterator[list[Ask]]:
    """Open connections, one for each `Ask`; nothing is tried twice. TimeoutError without them."""
    async with AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(_channel(calls)) for _ in range(connections)]
        ready = asyncio.gather(*(channel.channel_ready() for channel in channels))
        try:
            await asyncio.wait_for(ready, _CONNECT_TIMEOUT_S)
        except TimeoutError:
            told = f"{calls.address} took fewer than {connections} connections in {_CONNECT_TIMEOUT_S:g} s"
            raise TimeoutError(told) from None
        yield [_ask(channel.unary_unary(method(calls.method)), calls) for channel in channels]


def _channel(calls: Calls) -> grpc.aio.Channel:
    addresses, options = address_list(calls.address), channel_options(calls.max_answer_bytes)
    if calls.tls is None:
        return grpc.aio.insecure_channel(grpc_target(addresses), options=options)
    options += calls.tls.options(addresses)
    return grpc.aio.secure_channel(grpc_target(addresses), calls.tls.credentials(), options=options)


def _ask(call: Callable[..., Any], calls: Calls) -> Ask:
    metadata = call_metadata(calls.token)

    async def ask(request: bytes) -> str:
        try:
            await call(request, timeout=calls.timeout_s, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return OK

    return ask


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` in a loop that wakes on the microsecond. Ctrl-C cancels it."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        return runner.run(main)
