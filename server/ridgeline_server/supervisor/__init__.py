"""Several worker processes that serve on one port, as one server.

This process answers no calls. It imports no gRPC and no model runtime: it stays small, and may start
processes at any time.
"""

from __future__ import annotations

from ridgeline_server.supervisor.serve import run
from ridgeline_server.supervisor.supervisor import WorkerFailed

__all__ = ["WorkerFailed", "run"]
