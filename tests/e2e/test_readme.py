"""README's Python samples run as they stand, against the TechMart model."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ridgeline_server.app import App

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(sample: str, server: App, techmart: Path) -> str:
    code = sample.replace("localhost:50051", server.address).replace("data/techmart", str(techmart))
    assert code != sample
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_sample_prices_one_product_and_a_batch(techmart_server: App, techmart: Path) -> None:
    shown = run(SAMPLES[0], techmart_server, techmart)
    price, *notices, batch = shown.splitlines()
    assert re.fullmatch(r"\d+\.\d+ USD \d+\.\d+ \d+\.\d+", price)
    assert [n.split()[:2] for n in notices] == [
        ["IMPUTED", "'memory'"],
        ["UNKNOWN_CATEGORY", "'sales_channel'"],
    ]
    assert batch.endswith("[ True  True]")


def test_the_second_sample_streams_the_whole_table(techmart_server: App, techmart: Path) -> None:
    shown = run(SAMPLES[1], techmart_server, techmart).splitlines()
    assert [line.split()[:2] for line in shown[:2]] == [["0", "5000"], ["1", "5000"]]
    assert sum(int(line.split()[1]) for line in shown) == 30_200


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_leads_somewhere(target: str) -> None:
    assert (Path(__file__).parents[2] / target).exists()
