from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from flask import Flask

from harness.answers import Outcome
from harness.tally import Recorder
from harness.webui import add_tab


def page(recorder: Recorder, seconds: float) -> tuple[Flask, dict[str, Any]]:
    """Locust's page as far as the tab needs it."""
    app = Flask(__name__)
    app.add_url_rule("/stats/requests", view_func=lambda: {"state": "running"})
    app.add_url_rule("/logs", endpoint="logs", view_func=lambda: {"master": []})
    web_ui = SimpleNamespace(app=app, template_args={})
    add_tab(cast("Any", web_ui), lambda: (recorder.so_far(), seconds))
    return app, web_ui.template_args


def test_the_tab_has_a_column_for_every_figure_it_is_sent() -> None:
    recorder = Recorder()
    recorder.record("PredictBatch", 0.0042, Outcome(priced=980, refused=20))
    recorder.record("PredictBatch", 1.0, Outcome(problem="INTERNAL"))
    app, arguments = page(recorder, seconds=2.0)
    told = app.test_client().get("/stats/requests").get_json()
    assert told["state"] == "running"
    (tab,), (table,), (stats,) = (
        arguments["extended_tabs"],
        arguments["extended_tables"],
        told["extended_stats"],
    )
    assert tab["key"] == table["key"] == stats["key"]
    (row,) = stats["data"]
    assert set(row) == {column["key"] for column in table["structure"]}
    assert row["requests"] == "PredictBatch"
    assert row["rate"] == "490"
    assert row["max"] == "4,200"
    assert row["wrong"] == "1"


def test_other_answers_of_the_page_are_left_alone() -> None:
    app, _ = page(Recorder(), 1.0)
    assert app.test_client().get("/logs").get_json() == {"master": []}
