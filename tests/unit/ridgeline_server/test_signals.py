"""A signal is heard whatever the main thread waits for, also when another thread received it."""

from __future__ import annotations

import signal
import subprocess
import sys

SCRIPT = """
import signal, sys, threading
from ridgeline_server.command import _stop_on_signals

told, main = _stop_on_signals(), threading.get_ident()

def tell():
    while sys._current_frames()[main].f_code.co_name != "block":
        pass
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    print("told" if told.wait(20) else "unheard", flush=True)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

def block(lock):
    lock.acquire(timeout=40)

held = threading.Lock()
held.acquire()
threading.Thread(target=tell, daemon=True).start()
block(held)
"""


def test_the_first_signal_tells_and_the_second_one_ends_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "told\n", done.stderr
    assert done.returncode == 128 + signal.SIGTERM
