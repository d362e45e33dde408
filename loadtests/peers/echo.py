"""The least a grpcio server can do: bytes in, a constant reply out.

echo.py ADDRESS UNARY_REPLY_BYTES BATCH_REPLY_BYTES CHUNK_REPLY_BYTES
"""

from __future__ import annotations

import sys

from serving import serve

address, *sizes = sys.argv[1:]
unary, batch, chunk = (b"x" * int(size) for size in sizes)

serve(
    address,
    messages=False,
    Predict=lambda _request, _context: unary,
    PredictBatch=lambda _request, _context: batch,
    PredictStream=lambda requests, _context: (chunk for _request in requests),
)
