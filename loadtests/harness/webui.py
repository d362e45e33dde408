"""A tab of Locust's web UI with predictions a second and latencies in microseconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask import Response, request

from harness.latency import LatencyHistogram
from harness.report import latencies
from harness.tally import Tally

if TYPE_CHECKING:
    from locust.web import WebUI  # its import makes the standard library cooperative

_TAB = "predictions"
_COUNTS = {
    "requests": "Requests",
    "priced": "Priced",
    "rate": "Predictions/s (rows)",
    "refused": "Rows refused, as expected",
    "wrong": "Wrong",
}

Reading = Callable[[], tuple[Mapping[str, Tally], float]]
"""Returns tallies by kind of request, and the seconds they took."""


def add_tab(web_ui: WebUI, read: Reading) -> None:
    """Add the tab, which is filled from `read` each time the page asks for statistics."""
    columns = _COUNTS | {name: f"{name} (us)" for name in latencies(LatencyHistogram())}
    structure = [{"key": key, "title": title} for key, title in columns.items()]
    web_ui.template_args["extended_tabs"] = [{"title": "Predictions", "key": _TAB}]
    web_ui.template_args["extended_tables"] = [{"key": _TAB, "structure": structure}]

    def add_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            tallies, seconds = read()
            rows = [_row(kind, tally, seconds) for kind, tally in sorted(tallies.items())]
            data = {**response.get_json(), "extended_stats": [{"key": _TAB, "data": rows}]}
            return Response(json.dumps(data), response.status, mimetype=response.mimetype)
        return response

    assert web_ui.app is not None
    web_ui.app.after_request(add_rows)


def _row(kind: str, tally: Tally, seconds: float) -> dict[str, Any]:
    speeds = {name: f"{value:,.0f}" for name, value in latencies(tally.latency).items()}
    return {
        "requests": kind,
        "priced": f"{tally.latency.count:,}",
        "rate": f"{tally.rows / seconds:,.0f}",
        "refused": f"{tally.refused_rows:,}",
        "wrong": f"{tally.problems.total():,}",
        **speeds,
    }
