"""Metrics pages of several processes as one: what one process would have said that had done it all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily

from ridgeline_server.monitoring.calls import CallMetrics
from ridgeline_server.monitoring.metrics import Metrics
from ridgeline_server.monitoring.pages import Page, counted, exposition, merge, parse

METHODS = ("Predict", "PredictBatch")
# Sums of these are exact in any order.
times = st.integers(0, 4096).map(lambda eighths: eighths / 8192)
events = st.one_of(
    st.tuples(
        st.just("ended"),
        st.sampled_from(METHODS),
        st.sampled_from(["OK", "NOT_FOUND", "UNAVAILABLE"]),
        st.sampled_from(["", "UNKNOWN_MODEL", 'a "quoted"\n\\ reason']),
    ),
    st.tuples(st.just("answered"), st.sampled_from(METHODS), times),
    st.tuples(st.just("waited"), st.sampled_from(["unary", "stream"]), times),
)
shares = st.lists(st.lists(events, max_size=12), min_size=1, max_size=4)
Event = tuple[Any, ...]
Series = dict[tuple[str, str, frozenset[tuple[str, str]]], float]


def page(happened: Sequence[Event], in_flight: int = 0) -> Page:
    """What a process says after `happened`."""
    registry = CollectorRegistry()
    calls = CallMetrics(registry, METHODS)
    for pool in ("unary", "stream"):
        calls.watch_pool(pool, {"running": lambda: in_flight})
    for name, *arguments in happened:
        getattr(calls, name)(*arguments)
    return parse(generate_latest(registry).decode())


def series(of: Page) -> Series:
    """Every number of a page, by family, name and labels."""
    return {(m.name, s.name, frozenset(s.labels.items())): s.value for m in of for s in m.samples}


@given(shares)
def test_the_sum_of_pages_is_the_page_of_the_sum(happened: list[list[Event]]) -> None:
    together = page([event for share in happened for event in share], in_flight=3 * len(happened))
    assert series(merge(page(share, in_flight=3) for share in happened)) == series(together)


@given(shares, st.randoms(use_true_random=False))
def test_neither_order_nor_grouping_matters(happened: list[list[Event]], random: Any) -> None:
    pages = [page(share) for share in happened]
    whole = series(merge(pages))
    random.shuffle(pages)
    cut = random.randint(0, len(pages))
    assert series(merge([merge(pages[:cut]), merge(pages[cut:])])) == whole


@given(st.lists(events, max_size=12))
def test_a_page_alone_stays_as_it_is_to_the_byte(happened: list[Event]) -> None:
    alone = page(happened)
    assert exposition(merge([alone])) == exposition(alone)
    assert parse(exposition(alone).decode()) == alone


@given(shares)
def test_what_only_grows_is_kept_and_nothing_else(happened: list[list[Event]]) -> None:
    kept = counted(merge(page(share, in_flight=1) for share in happened))
    assert {metric.type for metric in kept} == {"counter", "histogram"}
    everything = series(merge(page(share, in_flight=1) for share in happened))
    assert series(kept).items() <= everything.items()
    assert {name for name, _, _ in everything} - {name for name, _, _ in series(kept)} == {
        "ridgeline_calls_in_flight"
    }


def test_every_gauge_of_a_server_has_a_rule() -> None:
    whole = parse(Metrics(METHODS, lambda: True).scrape().decode())
    assert series(merge([whole])) == series(whole)
    unknown = GaugeMetricFamily("ridgeline_moon_phase", "", value=1)
    with pytest.raises(KeyError, match="ridgeline_moon_phase"):
        merge([[unknown]])


@pytest.mark.parametrize(
    ("name", "of_both"),
    [
        ("ridgeline_ready", 7),
        ("ridgeline_calls_in_flight", 9),
        ("ridgeline_load_seconds", 7),
        ("ridgeline_model_info", 7),
        ("ridgeline_build_info", 7),
        ("ridgeline_workers", 9),
        ("process_resident_memory_bytes", 9),
        ("process_virtual_memory_bytes", 9),
        ("process_start_time_seconds", 2),
        ("process_open_fds", 7),
        ("process_max_fds", 2),
    ],
)
def test_gauges_are_combined_by_what_they_mean(name: str, of_both: float) -> None:
    def one(value: float) -> Page:
        registry = CollectorRegistry()
        Gauge(name, "", registry=registry).set(value)
        return parse(generate_latest(registry).decode())

    ((sample,),) = [metric.samples for metric in merge([one(7), one(2)])]
    assert sample.value == of_both


def test_series_that_only_one_process_has_are_taken_over() -> None:
    first = page([("ended", "Predict", "NOT_FOUND", "UNKNOWN_MODEL")])
    second = page([("ended", "Predict", "UNAVAILABLE", "NOT_READY")])
    (calls,) = [metric for metric in merge([first, second]) if metric.name == "ridgeline_calls"]
    codes = [sample.labels["code"] for sample in calls.samples]
    assert sorted(codes) == ["NOT_FOUND", "OK", "OK", "UNAVAILABLE"]


def test_what_is_no_page_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid"):
        parse("<html>busy</html>")
