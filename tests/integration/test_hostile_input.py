"""Hostile bytes over a real channel: a declared answer each time, and nothing changes for anyone else.

`make fuzz-wire` sends as many as you like.
"""

from __future__ import annotations

import os
from pathlib import Path

from support import wire
from support.fuzz import fuzz
from support.hostile import METHODS
from support.process import free_ports, server_process

COUNT = int(os.environ.get("FUZZ_INPUTS", "600"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
WARM_UP = 200


def resident_mb(process: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_every_hostile_input_gets_a_declared_answer_and_leaves_nothing_behind(toy_models: Path) -> None:
    with server_process(*free_ports(toy_models)) as server, wire.connect(server.address()) as caller:
        expected = caller.ask("predict", wire.record()).prediction
        for method in METHODS:
            fuzz(caller, method, WARM_UP, SEED + 1)
        before = resident_mb(server.pid)
        told = {method: fuzz(caller, method, COUNT, SEED) for method in METHODS}
        for method, tally in told.items():
            by_status = {status: sum(n for (_, s), n in tally.items() if s == status) for _, status in tally}
            print(f"{method}: {sum(tally.values()):,} inputs, {dict(sorted(by_status.items()))}")
        print(f"resident memory: {before:.0f} MB before, {resident_mb(server.pid):.0f} MB after")
        assert resident_mb(server.pid) < before + 64
        assert caller.ask("predict", wire.record()).prediction == expected
        assert "Traceback" not in server.stderr
    kinds = {kind for tally in told.values() for kind, _ in tally}
    assert len(kinds) == 4
    assert all(("noise", "INVALID_ARGUMENT") in tally for tally in told.values())
