"""What the server needs of protobuf."""

from __future__ import annotations

from pathlib import Path

from support.process import failed_start, free_ports


def test_a_protobuf_in_pure_python_stops_the_start(toy_models: Path) -> None:
    environment = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    code, stderr = failed_start(*free_ports(toy_models), environment=environment)
    assert code == 2
    assert "'python', expected 'upb'" in stderr
    assert "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION" in stderr
