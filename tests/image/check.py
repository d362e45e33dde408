"""Builds the image and proves it in a container: python tests/image/check.py (make image-test).

Needs root on Debian or Ubuntu and `apt-get install podman runc debootstrap`; Docker and an image registry it
needs not. The base image is a bare Debian that debootstrap makes, the packages come from a folder of wheels.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from image.podman import PATIENCE_S, Container, Podman

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".build/image"
BASE, IMAGE = "localhost/debian:bookworm", "localhost/ridgeline-server:test"
USER = "10001:10001"
STARTS = 5
NEEDED = ("podman", "runc", "debootstrap")


class Report:
    """Prints each check as it is made."""

    def __init__(self) -> None:
        self.failed = 0

    def check(self, text: str, passed: bool, found: object = "") -> None:
        """Say whether `text` holds, and what was found when it does not."""
        self.failed += not passed
        print(f"  ok      {text}" if passed else f"  FAILED  {text}: {found}", flush=True)


def missing() -> list[str]:
    """What this machine lacks, a sentence each."""
    lacking = [name for name in NEEDED if not shutil.which(name)]
    problems = [f"not installed: {', '.join(lacking)}. apt-get install {' '.join(NEEDED)}"] if lacking else []
    return problems + (
        ["only root may make a base image and networks: run it as root"] if os.getuid() else []
    )


def build(podman: Podman) -> float:
    """Build the image from the Dockerfile as `make image` does; returns seconds, the base left out."""
    if not podman.has(BASE):
        podman.import_debian(BASE, "bookworm", WORK / "debian")
    flags = [f"--volume={WORK / 'wheels'}:/wheels:ro", "--network=host", "--ulimit=nofile=4096:4096"]
    flags += ["--build-arg=PIP_NO_INDEX=1", "--build-arg=PIP_FIND_LINKS=/wheels"]
    command = ["make", "--no-print-directory", "image", f"ENGINE={podman}", f"IMAGE={IMAGE}", f"BASE={BASE}"]
    started = time.perf_counter()
    subprocess.run([*command, f"BUILD_FLAGS={' '.join(flags)}"], cwd=ROOT, check=True)
    return time.perf_counter() - started


def wait_serving(address: str) -> None:
    """Follow the health service until it says SERVING; grpc.RpcError after PATIENCE_S seconds."""
    options = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 20)]
    with grpc.insecure_channel(address, options=options) as channel:
        request = health_pb2.HealthCheckRequest()
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for answer in stub.Watch(request, timeout=PATIENCE_S, wait_for_ready=True):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


def check_contents(report: Report, container: Container) -> dict[str, Any]:
    """What is inside, seen by the container's own Python; returns it."""
    found: dict[str, Any] = json.loads(container.python((ROOT / "tests/image/inside.py").read_text()))
    report.check(f"runs as {USER}", found["user"] == USER, found["user"])
    report.check("has no capabilities", found["capabilities"] == 0, found["capabilities"])
    report.check("root file system is read-only", found["read_only_root"])
    report.check("no folder can be written to", not found["writable"], found["writable"])
    report.check("no training library, pip, compiler or downloader", not found["unwanted"], found["unwanted"])
    return found


def check_answers(report: Report, container: Container, models: Path) -> None:
    """What it answers from outside, over its published ports."""
    report.check("HEALTHCHECK answers 0", container.is_healthy())
    wrong = container.exit_code("ridgeline-server", "healthcheck", "--address", "127.0.0.1:1")
    report.check("healthcheck of a port where nobody is answers 1", wrong == 1, wrong)
    target = container.address(50051)
    command = [
        str(Path(sys.executable).with_name("ridgeline")),
        "predict",
        "--demo",
        "--json",
        "--target",
        target,
    ]
    answer = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in models.glob("*/*/manifest.json")}
    report.check("prices a product, with the model mounted", answer["model"]["digest"] in digests, answer)
    report.check("writes JSON lines and nothing else", all(map(is_json, container.log())), container.log())
    for page in ("livez", "readyz", "metrics"):
        with urllib.request.urlopen(
            f"http://{container.address(9464)}/{page}", timeout=PATIENCE_S
        ) as response:
            report.check(f"/{page} answers 200", response.status == 200)


def is_json(line: str) -> bool:
    """Whether a line is one JSON object."""
    return line.startswith("{") and line.endswith("}")


def check_starts(report: Report, podman: Podman, models: Path) -> list[float]:
    """Start and stop it; returns seconds from the start to SERVING, for each start."""
    seconds = []
    for _ in range(STARTS):
        with podman.container(IMAGE, models) as container:
            started = time.perf_counter()
            container.start()
            wait_serving(container.address(50051))
            seconds.append(time.perf_counter() - started)
            code = container.stop()
            report.check("SIGTERM ends it with exit code 0", code == 0, code)
    return sorted(seconds)


def summary(podman: Podman, build_s: float, starts: list[float], found: dict[str, Any]) -> str:
    """The figures for docs/image.md."""
    size, base = (podman.inspect(image)["Size"] / 1e6 for image in (IMAGE, BASE))
    return "\n".join(
        [
            f"build     {build_s:.0f} s; layers that did not change are not built again",
            f"size      {size:.0f} MB, of which the base is {base:.0f} MB",
            f"user      {found['user']}",
            f"start     {', '.join(f'{s:.2f}' for s in starts)} s until it says SERVING",
            f"system    {found['system']}, Python {found['python']}",
            *(f"package   {name} {version}" for name, version in sorted(found["packages"].items())),
        ]
    )


def main() -> int:
    """Build, check, print; returns 0 when all is well, 1 when a check failed, 2 when it cannot run here."""
    parser = argparse.ArgumentParser(description="Build the image and prove it in a container.")
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="directory of exported models")
    models = parser.parse_args().models
    if problems := missing():
        print("\n".join(["image-test cannot run here:", *(f"  - {p}" for p in problems)]), file=sys.stderr)
        return 2
    podman, report = Podman(WORK), Report()
    build_s = build(podman)
    with podman.container(IMAGE, models) as container:
        container.start()
        wait_serving(container.address(50051))
        found = check_contents(report, container)
        check_answers(report, container, models)
    starts = check_starts(report, podman, models)
    print(summary(podman, build_s, starts, found))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
