"""The protobuf runtime must be the one in C: only it gives NumPy the numbers of a message without a loop."""

from __future__ import annotations

from google.protobuf.internal import api_implementation

from ridgeline_server.config import ConfigError


def require_upb() -> None:
    """Raises ConfigError when protobuf does not run on upb."""
    backend = api_implementation.Type()
    if backend != "upb":
        text = f"protobuf runs on its back end {backend!r}, expected 'upb': unset"
        cure = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION, or install a protobuf wheel of this platform"
        raise ConfigError([f"{text} {cure}"])
