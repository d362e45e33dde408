"""The whole graph of a version, with the options that were found best, and the names of its features."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime as ort


def opened(version: str) -> tuple[Callable[..., Any], list[str], list[str]]:
    """Return the run of the graph in a version's folder, its numeric and its categorical features."""
    folder = Path(version)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    features = json.loads((folder / "manifest.json").read_text())["features"]
    numeric = [feature["name"] for feature in features if feature["kind"] == "numeric"]
    return session.run, numeric, [feature["name"] for feature in features if feature["name"] not in numeric]
