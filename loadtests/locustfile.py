"""Closed-loop load on a price server, with Locust.

`make locust`, or `locust -f loadtests/locustfile.py --host HOST:PORT`. With SHAPE=step in the environment the
load follows a shape. docs/load-testing.md says what the arguments mean and how to read the report.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any, NoReturn

from greenlet import GreenletExit  # type: ignore[import-untyped]  # published without types
from locust import User, events, stats
from locust.argument_parser import LocustArgumentParser
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.event import EventHook
from locust.runners import MasterRunner, WorkerNode, WorkerRunner
from rich.console import Console

from harness.load import Load
from harness.options import LoadOptions
from harness.report import print_tallies
from harness.shapes import shape_named
from harness.tally import Recorder, Tally
from harness.users import BatchUser, PricingUser, StreamUser, UnaryUser, prepare_process
from harness.webui import add_tab
from ridgeline_client import RidgelineError

__all__ = ["BatchUser", "StreamUser", "UnaryUser"]

_WEIGHTS = {UnaryUser: "unary_weight", BatchUser: "batch_weight", StreamUser: "stream_weight"}
_REPORT_KEY = "ridgeline"
_STOP_PATIENCE_S = 5.0  # users end their calls; a call that is cut would be counted as wrong

recorder = Recorder()
logger = logging.getLogger(__name__)

if name := os.environ.get("SHAPE"):
    ChosenShape = shape_named(name)


def add_arguments(parser: LocustArgumentParser) -> None:
    """Offer each option as an argument, and in the web UI."""
    for option in fields(LoadOptions):
        flag = "--" + option.name.replace("_", "-")
        text = f"{option.metadata['description']} (default: {option.default!r})"
        parser.add_argument(flag, type=type(option.default), default=option.default, help=text)


def prepare(environment: Environment, **_: Any) -> None:
    """Make this process ready; with --processes it is one of several by now."""
    prepare_process()
    environment.stop_timeout = environment.stop_timeout or _STOP_PATIENCE_S

    def dispatcher(worker_nodes: list[WorkerNode], user_classes: list[type[User]]) -> UsersDispatcher:
        for user_class, weight in _WEIGHTS.items():
            user_class.weight = max(0, getattr(environment.parsed_options, weight))
        chosen = [user_class for user_class in user_classes if user_class.weight]
        return UsersDispatcher(worker_nodes, chosen or user_classes)

    def settled(**_: Any) -> None:
        if environment.reset_stats:
            recorder.take()

    # Made anew for each run: the web UI may have changed the weights.
    environment.dispatcher_class = dispatcher  # type: ignore[assignment]  # it is only ever called
    _listen(environment.events.spawning_complete, settled)
    if environment.web_ui is not None:
        add_tab(environment.web_ui, lambda: (recorder.so_far(), _seconds(environment)))


def begin(environment: Environment, **_: Any) -> None:
    """Read the arguments, ask the server for its model and make the requests."""
    recorder.take()
    try:
        options = LoadOptions.of(vars(environment.parsed_options))
        load = Load(environment.host or "", options, recorder)
        if not isinstance(environment.runner, MasterRunner):
            load.make_requests()
        PricingUser.use(load)
    except (ValueError, RidgelineError) as error:
        _give_up(environment, f"no load test: {error}")


def _give_up(environment: Environment, reason: str) -> NoReturn:
    """End Locust; with its page, end the start of the run and leave the page as it was."""
    if environment.web_ui is not None:
        logger.error(reason)
        raise GreenletExit
    if isinstance(environment.runner, MasterRunner):
        environment.runner.send_message("quit")
    sys.exit(reason)


def tell_master(data: dict[str, Any], **_: Any) -> None:
    """Send what this process has counted since the last time."""
    data[_REPORT_KEY] = {kind: tally.to_dict() for kind, tally in recorder.take().items()}


def hear_worker(data: dict[str, Any], **_: Any) -> None:
    """Add what a process has counted."""
    recorder.add({kind: Tally.from_dict(told) for kind, told in data.get(_REPORT_KEY, {}).items()})


def forget(**_: Any) -> None:
    """Begin to count anew, as Locust does."""
    recorder.take()


def show(environment: Environment, **_: Any) -> None:
    """Print what was counted."""
    if not isinstance(environment.runner, WorkerRunner) and recorder.so_far():
        title = "Ridgeline's own histogram (1%), priced answers only"
        print_tallies(title, recorder.so_far(), _seconds(environment), Console())


def _seconds(environment: Environment) -> float:
    """Length of the run as Locust counts it: from the first answer to the last."""
    total = environment.stats.total
    return max((total.last_request_timestamp or total.start_time) - total.start_time, 1e-3)


def _three_digits(milliseconds: float) -> float:
    return float(f"{milliseconds:.3g}")


def _listen(event: EventHook, listener: Callable[..., None]) -> None:
    event.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust has no types there


# Locust rounds to whole milliseconds: all answers of a fast server would be equal.
stats.bucket_response_time = _three_digits  # type: ignore[assignment]  # any number will do

_listen(events.init_command_line_parser, add_arguments)
_listen(events.init, prepare)
_listen(events.test_start, begin)
_listen(events.report_to_master, tell_master)
_listen(events.worker_report, hear_worker)
_listen(events.reset_stats, forget)
_listen(events.quitting, show)
