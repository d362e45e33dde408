"""Neither the server nor the exporter leaves anything in the home folder, or is ready to send something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support import toys
from support.process import free_ports, server_process


def test_a_server_leaves_nothing_at_home(toy_models: Path, tmp_path: Path) -> None:
    with server_process(*free_ports(toy_models), environment={"HOME": str(tmp_path)}) as server:
        server.address()
        assert list(tmp_path.iterdir()) == []


def test_training_leaves_nothing_at_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "schema.toml").write_text(toys.SCHEMA.format(policy="clamp", required="false"))
    toys.table().to_csv(tmp_path / "table.csv", index=False)
    command = [sys.executable, "-m", "ridgeline_export", "train", str(tmp_path / "table.csv")]
    subprocess.run(
        [*command, "--schema", str(tmp_path / "schema.toml"), "--out", str(tmp_path / "models")],
        env={name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        | {"HOME": str(home)},
        check=True,
        capture_output=True,
    )
    assert list(home.iterdir()) == []
