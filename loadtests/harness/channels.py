"""Connections of a load generator."""

from __future__ import annotations


def channel_options(max_answer_bytes: int) -> list[tuple[str, str | int]]:
    """Options of a connection of its own that tries nothing twice: every failure is seen."""
    return [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", max_answer_bytes),
    ]
