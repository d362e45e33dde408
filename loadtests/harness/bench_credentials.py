"""A token and certificates for the benchmark, made by the server's own commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.access import Way
from ridgeline_client import Tls

_SERVER = (sys.executable, "-m", "ridgeline_server")


def credentials(folder: Path) -> Mapping[str, tuple[list[str], Way]]:
    """Make them in `folder`; returns flags of `serve` and the callers' way in, by what is on.

    Raises:
        subprocess.CalledProcessError: they cannot be made; what was said is in its `stderr`.
    """
    tokens = folder / "tokens.json"
    entered = _run("token", "create", "bench", "--role=predict", f"--tokens={tokens}", "--json")
    token: str = json.loads(entered)["token"]
    _run("certs", "dev", f"--out={folder}", "--client=bench")
    with_tokens = [f"--tokens={tokens}"]
    with_tls = [f"--tls-certificate={folder / 'server.pem'}", f"--tls-key={folder / 'server-key.pem'}"]
    ca = folder / "ca.pem"
    mutual = Tls(ca, folder / "bench.pem", folder / "bench-key.pem")
    return {
        "with tokens": (with_tokens, Way(token=token)),
        "with TLS": (with_tls, Way(Tls(ca))),
        "mutual TLS, tokens": ([*with_tls, f"--tls-client-ca={ca}", *with_tokens], Way(mutual, token)),
    }


def _run(*arguments: str) -> str:
    return subprocess.run([*_SERVER, *arguments], check=True, capture_output=True, text=True).stdout
