"""Podman with a store of its own: images and containers that touch nothing else on the machine."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Podman's defaults ask for more than a machine that is itself virtual may be allowed to give.
LIMITS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")
HARDENED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")
PORTS = (50051, 9464)
PATIENCE_S = 60


class Podman:
    """Images in `folder`/store. Every method raises subprocess.CalledProcessError when podman fails."""

    def __init__(self, folder: Path) -> None:
        places = (f"--root={folder / 'store'}", f"--runroot={folder / 'run'}")
        # runc works where cgroups v2 do not. Without systemd podman complains at each start that nobody will
        # run the health check: the tests do.
        self.command = ("podman", *places, "--runtime=runc", "--log-level=fatal")

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a podman command; returns what it printed."""
        command = [*self.command, *arguments]
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def __str__(self) -> str:
        return shlex.join(self.command)

    def has(self, image: str) -> bool:
        """Whether the image is in the store."""
        return subprocess.run([*self.command, "image", "exists", image], check=False).returncode == 0

    def inspect(self, name: str) -> Any:
        """What podman knows of an image or container."""
        return json.loads(self("inspect", name))[0]

    def import_debian(self, image: str, suite: str, scratch: Path) -> None:
        """Make a bare Debian and keep it as `image`, which stands for the official one of that suite."""
        shutil.rmtree(scratch, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", suite, str(scratch)], check=True)
        subprocess.run(["chroot", str(scratch), "apt-get", "clean"], check=True)
        shutil.rmtree(scratch / "var/lib/apt/lists")
        archive = scratch.with_suffix(".tar")
        subprocess.run(
            ["tar", "--create", "--directory", str(scratch), "--file", str(archive), "."], check=True
        )
        self("import", str(archive), image)
        shutil.rmtree(scratch)
        archive.unlink()

    @contextmanager
    def container(self, image: str, models: Path) -> Iterator[Container]:
        """A container to start: nothing writable, no capabilities, its ports published on loopback."""
        publish = [f"--publish=127.0.0.1::{port}" for port in PORTS]
        mount = f"--volume={models.resolve()}:/models:ro"
        plaintext = "--env=RIDGELINE_SERVER_ALLOW_PLAINTEXT=true"  # the ports are published on loopback
        name = self("create", *HARDENED, *LIMITS, *publish, mount, plaintext, image)
        try:
            yield Container(self, name)
        except Exception:
            print("What the container said:", file=sys.stderr)
            self("logs", name)
            raise
        finally:
            self("rm", "--force", "--time=0", name)


class Container:
    """A container of the image."""

    def __init__(self, podman: Podman, name: str) -> None:
        self._podman = podman
        self.name = name

    def start(self) -> None:
        """Start its process; returns at once."""
        self._podman("start", self.name)

    def address(self, port: int) -> str:
        """Where the container's `port` is reached from outside, HOST:PORT."""
        return self._podman("port", self.name, str(port))

    def python(self, code: str) -> str:
        """Run Python code inside; returns what it printed."""
        return self._podman("exec", "--interactive", self.name, "python", "-", stdin=code)

    def exit_code(self, *command: str) -> int:
        """Run a command inside; returns its exit code."""
        whole = [*self._podman.command, "exec", self.name, *command]
        return subprocess.run(whole, capture_output=True, check=False, timeout=PATIENCE_S).returncode

    def is_healthy(self) -> bool:
        """Run the image's HEALTHCHECK."""
        whole = [*self._podman.command, "healthcheck", "run", self.name]
        return subprocess.run(whole, capture_output=True, check=False, timeout=PATIENCE_S).returncode == 0

    def log(self) -> list[str]:
        """The lines it wrote."""
        command = [*self._podman.command, "logs", self.name]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )
        return done.stdout.splitlines()

    def stop(self) -> int:
        """Send the image's stop signal; returns the exit code, 137 when it had to be killed."""
        self._podman("stop", f"--time={PATIENCE_S}", self.name)
        return int(self._podman.inspect(self.name)["State"]["ExitCode"])
