"""Writes one request as generators such as h2load send it: a gRPC frame with a serialised message in it.

The frame is a zero byte (not compressed), the message's length as 4 bytes, most significant first, and the
message. A server is asked once, for its model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.calls import price_calls
from ridgeline_client import RidgelineError
from ridgeline_client.channel import method
from ridgeline_client.client import DEFAULT_TARGET


def framed(message: bytes) -> bytes:
    """Return a message with gRPC's five bytes before it (gRPC over HTTP/2, Length-Prefixed-Message)."""
    return b"\0" + len(message).to_bytes(4) + message


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file and say how to send it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--rows", type=int, help="PredictBatch with so many rows; without: Predict")
    parser.add_argument("--target", default=DEFAULT_TARGET, help="HOST:PORT of the server")
    arguments = parser.parse_args(argv)
    try:
        calls = price_calls(arguments.target, arguments.rows)
        arguments.out.write_bytes(framed(calls.requests[0]))
    except (RidgelineError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"h2load -n 20000 -c 8 -m 4 -d {arguments.out} -H 'content-type: application/grpc' -H 'te: trailers' "
        f"http://{arguments.target}{method(calls.method)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
