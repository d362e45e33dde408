"""A real process: start, serve, stop, and starts that must fail."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import grpc
import pytest

from ridgeline_server.app import App
from support.process import HELD_ROWS, failed_start, free_ports, server_process
from support.status import refused
from support.wire import TIMEOUT, batch_request, connect, record

FILES = ("model.onnx", "numeric.onnx", "linear.json", "golden.npz", "reference.json", "manifest.json")
SERVING, NOT_SERVING = 1, 2
HELD = batch_request("columns", [record()] * HELD_ROWS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(toy_models: Path, number: signal.Signals) -> None:
    with server_process(*free_ports(toy_models)) as process:
        with connect(process.address()) as wire:
            assert wire.ask("predict", record()).prediction.price > 0
            limits = wire.describe().limits
            assert (limits.max_rows, limits.max_records) == (10_000, 1_000)
        process.tell(number)
        assert process.wait() == 0


def test_a_call_in_flight_is_finished_and_a_new_one_refused_before_it_leaves(toy_models: Path) -> None:
    flags = [*free_ports(toy_models), "--drain-grace-s", "300"]
    with server_process(*flags, held=True) as process, connect(process.address()) as wire:
        running = wire.stub.PredictBatch.future(HELD, timeout=TIMEOUT)
        process.wait_line("held")
        process.tell(signal.SIGTERM)
        process.wait_line("draining")
        assert refused(lambda: wire.ask("predict", record())).code is grpc.StatusCode.UNAVAILABLE
        assert not running.done()
        process.let_go()
        assert running.result().predictions.row_count == HELD_ROWS
        assert process.wait() == 0


def test_told_twice_it_leaves_at_once(toy_models: Path) -> None:
    flags = [*free_ports(toy_models), "--drain-grace-s", "300"]
    with server_process(*flags, held=True) as process, connect(process.address()) as wire:
        running = wire.stub.PredictBatch.future(HELD, timeout=TIMEOUT)
        process.wait_line("held")
        process.tell(signal.SIGTERM)
        process.wait_line("draining")
        process.tell(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
        assert running.exception().code() is grpc.StatusCode.UNAVAILABLE


def test_open_watches_do_not_stretch_the_stop(toy_models: Path) -> None:
    flags = [*free_ports(toy_models), "--drain-grace-s", "300"]
    with server_process(*flags) as process, connect(process.address()) as wire:
        watches = [wire.watch() for _ in range(3)]
        assert [next(w).status for w in watches] == [SERVING] * 3
        process.tell(signal.SIGTERM)
        assert process.wait() == 0
        assert [next(w).status for w in watches] == [NOT_SERVING] * 3
        for watch in watches:
            with pytest.raises(grpc.RpcError) as caught:
                next(watch)
            assert caught.value.code() is not grpc.StatusCode.DEADLINE_EXCEEDED


def copy_of(models: Path, into: Path) -> Path:
    """A copy of the toy version to spoil; returns its directory."""
    shutil.copytree(models, into / "models")
    return into / "models" / "toys" / "1"


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_stops_the_start_and_names_the_file(
    toy_models: Path, tmp_path: Path, name: str
) -> None:
    version = copy_of(toy_models, tmp_path)
    content = bytearray((version / name).read_bytes())
    # any byte of a file with a digest; of the manifest, which has none, one that makes it no JSON
    content[0 if name == "manifest.json" else len(content) // 2] ^= 0x20
    (version / name).write_bytes(content)
    code, stderr = failed_start(*free_ports(tmp_path / "models"))
    assert code == 2
    assert [f for f in FILES if f in stderr.replace("manifest was written", "")] == [name]
    assert str(version) in stderr


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_lost_file_stops_the_start_and_is_named(toy_models: Path, tmp_path: Path, name: str) -> None:
    version = copy_of(toy_models, tmp_path)
    (version / name).unlink()
    code, stderr = failed_start(*free_ports(tmp_path / "models"))
    assert code == 2
    assert name in stderr


def test_everything_wrong_with_the_artifact_is_told_at_once(toy_models: Path, tmp_path: Path) -> None:
    version = copy_of(toy_models, tmp_path)
    (version / "linear.json").unlink()
    (version / "golden.npz").write_bytes(b"")
    code, stderr = failed_start(*free_ports(tmp_path / "models"))
    assert code == 2
    assert "linear.json" in stderr
    assert "golden.npz" in stderr


def test_a_directory_without_models_stops_the_start(tmp_path: Path) -> None:
    for models in (tmp_path, tmp_path / "nowhere"):
        code, stderr = failed_start(*free_ports(models))
        assert code == 2
        assert str(models) in stderr


def test_every_wrong_setting_is_told_at_once_with_the_place_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('max_row = 5\ndrain_grace_s = "soon"\n')
    environment = {"RIDGELINE_SERVER_ADDRESS": "nowhere", "RIDGELINE_SERVER_MODLES": "/srv"}
    flags = ["--config", str(file), "--max-rows", "0", "--log-level", "loud"]
    code, stderr = failed_start(*flags, environment=environment)
    assert code == 2
    named = [line.split()[1] for line in stderr.splitlines() if line.startswith("  - ")]
    assert sorted(named) == sorted(
        [
            "max_row",
            "drain_grace_s",
            "RIDGELINE_SERVER_ADDRESS",
            "RIDGELINE_SERVER_MODLES",
            "--max-rows",
            "--log-level",
            "models",
        ]
    )
    assert stderr.count(str(file)) == 2
    for value in ("soon", "nowhere", "'0'", "loud"):
        assert value in stderr


@pytest.mark.parametrize("text", [None, "max_rows = = 5"])
def test_a_config_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "server.toml"
    if text is not None:
        file.write_text(text)
    code, stderr = failed_start("--models", str(tmp_path), "--config", str(file))
    assert code == 2
    assert str(file) in stderr


def test_flags_win_over_environment_over_file_over_defaults(toy_models: Path, tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text("max_rows = 31\nmax_records = 32\nmax_message_bytes = 3333\n")
    environment = {"RIDGELINE_SERVER_MAX_ROWS": "21", "RIDGELINE_SERVER_MAX_RECORDS": "22"}
    flags = [*free_ports(toy_models), "--config", str(file), "--max-rows", "11"]
    with (
        server_process(*flags, environment=environment) as process,
        connect(process.address()) as wire,
    ):
        limits = wire.describe().limits
    assert (limits.max_rows, limits.max_records, limits.max_message_bytes) == (11, 22, 3333)


def test_a_second_server_on_a_taken_port_fails_and_the_first_serves_on(
    toy_server: App, toy_models: Path
) -> None:
    for flag, taken in (("--address", toy_server.address), ("--ops-address", toy_server.ops_address)):
        code, stderr = failed_start(*free_ports(toy_models), flag, taken)
        assert code == 1
        assert taken in stderr.splitlines()[-1]
    with connect(toy_server.address) as wire:
        assert wire.check() == SERVING
