from __future__ import annotations

import inspect
import pickle
import re

import pytest

from ridgeline_client import errors

ERROR_CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, errors.RidgelineError)
]


@pytest.mark.parametrize("error_class", ERROR_CLASSES)
def test_errors_survive_pickling_as_worker_processes_need(error_class: type[errors.RidgelineError]) -> None:
    error = error_class("went wrong", reason="WHY", request_id="r", metadata={"a": "b"})
    error.extra = 7  # type: ignore[attr-defined] # stands for model_price, size, violations
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is error_class
    assert vars(again) == vars(error)
    assert str(again) == str(error) == "went wrong (request id r)"


def test_the_drawing_shows_the_tree_as_it_is() -> None:
    drawn: dict[str, str] = {}
    branch = ""
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    (.*?)(\w+)(?:  .*|)$", line):
            marks, name = match[1], match[2]
            depth = len(marks)
            if depth == 0:
                continue
            drawn[name] = "RidgelineError" if depth == 4 else branch
            branch = name if depth == 4 else branch
    actual = {
        cls.__name__: cls.__bases__[0].__name__ for cls in ERROR_CLASSES if cls.__name__ != "RidgelineError"
    }
    assert drawn == actual


def test_a_long_list_of_violations_is_cut_in_the_text_and_whole_in_the_attribute() -> None:
    violations = [errors.Violation("", "ram", row, "WRONG_KIND", "not a number") for row in range(50)]
    error = errors.InvalidInput.listing(violations)
    assert (len(error.violations), error.violation_count) == (50, 50)
    lines = str(error).splitlines()
    assert (lines[0], lines[1], lines[-1]) == (
        "50 problems in the input:",
        "  row 0, ram: not a number",
        "  and 30 more",
    )


@pytest.mark.parametrize(
    ("rows", "advice"), [(100, "at most about 25 rows"), (1, "even one row is too large")]
)
def test_a_message_that_is_too_large_says_what_to_do(rows: int, advice: str) -> None:
    error = errors.MessageTooLarge.of_request(4_000, 1_000, rows)
    assert (error.size, error.limit) == (4_000, 1_000)
    for part in ("4,000", "1,000", "nothing was sent", advice):
        assert part in str(error)
