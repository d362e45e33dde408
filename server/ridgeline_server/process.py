"""How a serving process is set up before it answers: its memory, its garbage, its CPU, its secrets."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys

# mallopt's parameters, from glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 64 << 20
_LARGE_BYTES = 32 << 20

_SET_DUMPABLE = 4  # PR_SET_DUMPABLE, from linux/prctl.h


def tune_allocator() -> None:
    """Keep freed memory for the next request, in one heap; without glibc nothing happens.

    As it comes, glibc gives a batch's arrays back to the system after each request, and takes them page by
    page for the next; and it has a heap for each thread, so that one large request a thread stays for good.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    for parameter, value in (
        (_ARENA_MAX, 1),
        (_TRIM_THRESHOLD, _KEPT_BYTES),
        (_MMAP_THRESHOLD, _LARGE_BYTES),
    ):
        mallopt(parameter, value)


def allow_descriptors(count: int) -> None:
    """Let this process have `count` files and sockets open, or as many as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def freeze_garbage() -> None:
    """Leave what has been loaded out of garbage collections: it lives as long as the process."""
    gc.collect()
    gc.freeze()


def keep_on_one_cpu(number: int) -> None:
    """Run on one of the CPUs this process may use, worker `number` on the number-th, from 1.

    Only one thread runs Python at a time; on one CPU they take turns without moving the process's data.
    """
    usable = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {usable[(number - 1) % len(usable)]})


def keep_memory_private() -> None:
    """Leave no core dump, and let no other process of the same user read this one's memory.

    The limit alone does not do: the kernel does not look at it when core dumps go to a program.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
