"""What the users of one process share: connections, requests made before the run, counts."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from harness.answers import Judge
from harness.channels import channel_options
from harness.options import LoadOptions
from harness.tally import Recorder
from harness.workload import Request, Workload
from ridgeline_client import PricingClient, Tls
from ridgeline_client.addresses import address_list
from ridgeline_client.channel import method, open_channel
from ridgeline_client.token import call_metadata, read_token

_SCHEME = "grpc://"
_AT_ONCE = 200  # single-row requests made without a pause
_ROOM_BYTES = 1 << 20  # answers may be longer than requests


class Load:
    """A load on one server.

    Args:
        host: HOST:PORT, also with grpc:// in front.
        options: what to ask for.
        recorder: where answers are counted.

    Attributes:
        judge: says whether answers are right.
        opening: the first message of a stream, serialised.
        chunks: the chunks of one stream; their sequence counts from 0.

    Raises:
        ValueError: the host is no address, a file of TLS is of no use, there is no token in the file, it
            would go out in plain, or (when requests are made) the server takes no such messages.
        RidgelineError: the server does not describe its model.
    """

    def __init__(self, host: str, options: LoadOptions, recorder: Recorder) -> None:
        self.options = options
        self.recorder = recorder
        target = host.removeprefix(_SCHEME).rstrip("/")
        token = read_token(Path(options.token_file) if options.token_file else None)
        self._metadata = call_metadata(token)
        with PricingClient(target, timeout=options.deadline_s, tls=options.tls(), token=token) as client:
            description = client.describe(options.model)
        self.judge = Judge(description.guard)
        self._workload = Workload(description, options.seed, options.shares())
        self._opened = [
            _channel(target, description.limits.max_message_bytes, options.tls())
            for _ in range(options.connections)
        ]
        self._turns = itertools.count()
        self._singles: list[Request] = []
        self._batches: list[Request] = []
        self.chunks: list[Request] = []
        self.opening = self._workload.opening()

    def call(self, name: str, *, stream: bool = False) -> Callable[..., Any]:
        """Return a method that takes serialised requests and answers bytes. Connections take turns."""
        channel = self._opened[next(self._turns) % len(self._opened)]
        kind = channel.stream_stream if stream else channel.unary_unary
        return partial(kind(method(name)), metadata=self._metadata)

    def close(self) -> None:
        """Close the connections."""
        for channel in self._opened:
            channel.close()

    def make_requests(self) -> None:
        """Make the requests of each kind of user that has a weight. Raises ValueError, see above."""
        options, workload = self.options, self._workload
        if options.unary_weight:
            for first in range(0, options.distinct_records, _AT_ONCE):
                count = min(_AT_ONCE, options.distinct_records - first)
                self._singles += workload.unary(count, first)
                _let_others_run()
        for number in range(options.distinct_messages):
            if options.batch_weight:
                self._batches.append(workload.batch(number * options.batch_rows, options.batch_rows))
            if options.stream_weight:
                self.chunks.append(workload.chunk(number, options.chunk_rows))
            _let_others_run()

    def singles(self) -> Iterator[Request]:
        """Return all single-row requests, over and over; each caller begins elsewhere."""
        return self._turned(self._singles)

    def batches(self) -> Iterator[Request]:
        """Return all batches, over and over; each caller begins elsewhere."""
        return self._turned(self._batches)

    def _turned(self, requests: list[Request]) -> Iterator[Request]:
        # 7919 is prime: beginnings are spread over the requests however many there are.
        start = next(self._turns) * 7919 % len(requests)
        return itertools.islice(itertools.cycle(requests), start, None)


def _let_others_run() -> None:
    """Under gevent, let Locust tell its master that this process lives."""
    time.sleep(0)


def _channel(target: str, max_message_bytes: int, tls: Tls | None) -> grpc.Channel:
    return open_channel(address_list(target), channel_options(max_message_bytes + _ROOM_BYTES), tls)
