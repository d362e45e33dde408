"""How a serving process is set up, seen from processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAPS = """
import re, threading
from ridgeline_server.process import tune_allocator
if {tuned}:
    tune_allocator()
def use():
    blocks = [bytearray(60_000) for _ in range(50)]
    held.wait()
held = threading.Barrier(9)
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads: thread.start()
held.wait()
# a heap of a thread of its own is a mapping of 64 MiB, most of it reserved
reserved = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) ---p", open("/proc/self/maps").read(), re.M)
print(sum(int(end, 16) - int(start, 16) > 60 << 20 for start, end in reserved))
"""


def printed(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_threads_share_one_heap() -> None:
    assert int(printed(HEAPS.format(tuned=False))) > 0, "glibc gives threads heaps of their own"
    assert int(printed(HEAPS.format(tuned=True))) == 0


def test_large_blocks_stay_for_the_next_request() -> None:
    code = """
import resource, sys
from ridgeline_server.process import tune_allocator
if {tuned}:
    tune_allocator()
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def request():
    parts = [bytearray(600_000) for _ in range(8)]
for _ in range(3): request()
before = faults()
for _ in range(20): request()
print(faults() - before)
"""
    assert int(printed(code.format(tuned=True))) < int(printed(code.format(tuned=False))) / 10


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_worker_has_the_next_cpu_it_may_use(number: int) -> None:
    usable = sorted(os.sched_getaffinity(0))
    code = (
        "import os; from ridgeline_server.process import keep_on_one_cpu\n"
        f"keep_on_one_cpu({number}); print(*os.sched_getaffinity(0))"
    )
    assert int(printed(code)) == usable[(number - 1) % len(usable)]


def test_what_was_loaded_is_left_out_of_collections() -> None:
    code = (
        "import gc; from ridgeline_server.process import freeze_garbage\n"
        "freeze_garbage(); print(gc.get_freeze_count())"
    )
    assert int(printed(code)) > 1_000


def private(code: str) -> str:
    return printed(f"from ridgeline_server.process import keep_memory_private\nkeep_memory_private()\n{code}")


def test_a_crash_leaves_no_core_dump() -> None:
    assert private("import resource; print(*resource.getrlimit(resource.RLIMIT_CORE))") == "0 0"
    # Where core dumps go to a program the kernel does not look at the limit, but at this.
    asked = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    assert printed(asked) == "1"
    assert private(asked) == "0"


DESCRIPTORS = """
import resource
from ridgeline_server.process import allow_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
for count in (50, 150, 1_000):
    allow_descriptors(count)
    print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_as_many_descriptors_as_are_needed_or_allowed() -> None:
    assert printed(DESCRIPTORS).splitlines() == ["100 200", "150 200", "200 200"]
