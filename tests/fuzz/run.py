"""Coverage-guided fuzzing of all that becomes of a request's bytes: `make fuzz`.

Arguments: the folder that `prepare.py` wrote, then what libFuzzer takes (`-help=1` lists it): options, and
folders to take inputs from, of which the first keeps what is new, or a file with the one input to try.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections import Counter
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it has an environment of its own

with atheris.instrument_imports(include=["ridgeline", "ridgeline_server"]):
    from fuzz.targets import REQUESTS, Fuzzer

from fuzz.mutate import mutated_input

_FIRST_REPORT = 4_096


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change fields or, every other time, bytes as libFuzzer does."""
    rng = random.Random(seed)
    changed = mutated_input(data, rng) if rng.random() < 0.5 else None
    if changed is None or len(changed) > max_size:
        changed = atheris.Mutate(data, max_size)
    return changed


def report(tally: Counter[tuple[str, str]]) -> None:
    """Print how many inputs of each call ended with which status."""
    for call in REQUESTS:
        told = {status: count for (of, status), count in sorted(tally.items()) if of == call}
        print(f"{call}: {sum(told.values()):,} inputs, {told}", flush=True)


def main(folder: Path, options: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    fuzzer = Fuzzer(folder / "models")

    def judge(data: bytes) -> None:
        fuzzer(data)
        inputs = fuzzer.tally.total()
        # Whenever libFuzzer says how far it is: it gives no word at the end.
        if inputs >= _FIRST_REPORT and inputs.bit_count() == 1:
            report(fuzzer.tally)

    warnings.simplefilter("error")
    # max_len: the longest seed fits. timeout, in seconds: no input takes a tenth of one.
    fixed = ["-max_len=16384", "-timeout=10", f"-artifact_prefix={folder}/found/"]
    atheris.Setup([sys.argv[0], *fixed, *options], judge, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
