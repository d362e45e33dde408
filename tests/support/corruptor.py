"""Spoils good rows and writes down what a server must find in them.

It knows a model as DescribeModel tells it, and the contract; nothing of how a server checks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ridgeline.reasons import Reason
from ridgeline.v1 import pricing_service_pb2 as pb
from support.rows import Row, is_number

INT32_MAX = 2**31 - 1
FLOOD = range(21, 35)
"""How many things are wrong with a flooded row: more than an answer to one record spells out."""


class Finding(NamedTuple):
    """What is wrong with a row; feature "" when the whole row is to blame."""

    feature: str
    reason: str


@dataclass(frozen=True)
class Spoilt:
    """A row and all that is wrong with it: nothing when it is good."""

    row: Row
    expected: tuple[Finding, ...] = ()


@dataclass
class _Draft:
    row: Row
    free: list[pb.Feature]
    """Features that nothing was done to yet, in random order."""
    expected: list[Finding] = field(default_factory=list)

    def take(self, fits: Callable[[pb.Feature], bool]) -> pb.Feature | None:
        """Take the next free feature that fits."""
        for place, feature in enumerate(self.free):
            if fits(feature):
                return self.free.pop(place)
        return None


class Corruptor:
    """Spoils rows of one model, each in one way or several that do not touch each other."""

    def __init__(self, features: Sequence[pb.Feature], seed: int) -> None:
        self._features = list(features)
        self._names = {feature.name for feature in features}
        self._rng = np.random.default_rng(seed)
        self.record_ways: tuple[Callable[[_Draft], None], ...] = (
            self._infinite, self._above, self._below, self._lacking,
            self._unknown_number, self._unknown_text, self._number_for_category, self._text_for_number,
        )  # fmt: skip
        self.column_ways: tuple[Callable[[_Draft], None], ...] = (
            self._infinite, self._above, self._below, self._lacking,
            self._code_beyond, self._negative_code,
        )  # fmt: skip

    def spoil(self, row: Row, ways: Sequence[Callable[[_Draft], None]]) -> Spoilt:
        """Return a spoilt copy of a good row."""
        order = self._rng.permutation(len(self._features))
        draft = _Draft(copy.deepcopy(row), [self._features[i] for i in order])
        kind = self._rng.random()
        if kind < 0.06:
            self._empty(draft)
        elif kind < 0.12:
            self._nearly_empty(draft)
        else:
            count = self._rng.choice(FLOOD) if kind < 0.15 else self._rng.integers(1, 5)
            while len(draft.expected) < count:
                ways[int(self._rng.integers(len(ways)))](draft)
        return Spoilt(draft.row, tuple(draft.expected))

    def _infinite(self, draft: _Draft) -> None:
        if feature := draft.take(is_number):
            draft.row.numeric[feature.name] = self._one_of([np.inf, -np.inf])
            draft.expected.append(Finding(feature.name, Reason.NOT_FINITE))

    def _above(self, draft: _Draft) -> None:
        if feature := draft.take(lambda f: is_number(f) and f.HasField("valid_max")):
            top = feature.valid_max
            draft.row.numeric[feature.name] = self._one_of([np.nextafter(top, np.inf), top + 1, 1e300])
            draft.expected.append(Finding(feature.name, Reason.OUT_OF_VALID_RANGE))

    def _below(self, draft: _Draft) -> None:
        if feature := draft.take(lambda f: is_number(f) and f.HasField("valid_min")):
            bottom = feature.valid_min
            draft.row.numeric[feature.name] = self._one_of(
                [np.nextafter(bottom, -np.inf), bottom - 1, -1e300]
            )
            draft.expected.append(Finding(feature.name, Reason.OUT_OF_VALID_RANGE))

    def _lacking(self, draft: _Draft) -> None:
        if feature := draft.take(lambda f: f.required):
            _remove(draft.row, feature.name)
            if self._rng.random() < 0.5:  # missing can also be sent
                if is_number(feature):
                    draft.row.numeric[feature.name] = np.nan
                else:
                    draft.row.categorical[feature.name] = ""
            draft.expected.append(Finding(feature.name, Reason.REQUIRED_FEATURE_MISSING))

    def _unknown_number(self, draft: _Draft) -> None:
        name = self._near_miss(draft)
        draft.row.numeric[name] = self._one_of([0.0, 7.5, np.inf, np.nan])
        draft.expected.append(Finding(name, Reason.UNKNOWN_FEATURE))

    def _unknown_text(self, draft: _Draft) -> None:
        name = self._near_miss(draft)
        draft.row.categorical[name] = str(self._rng.choice(["web", "NA", "7", ""]))
        draft.expected.append(Finding(name, Reason.UNKNOWN_FEATURE))

    def _number_for_category(self, draft: _Draft) -> None:
        if feature := draft.take(lambda f: not is_number(f)):
            _remove(draft.row, feature.name)
            draft.row.numeric[feature.name] = self._one_of([0.0, 3.0, np.inf])
            draft.expected.append(Finding(feature.name, Reason.WRONG_KIND))

    def _text_for_number(self, draft: _Draft) -> None:
        if feature := draft.take(is_number):
            _remove(draft.row, feature.name)
            draft.row.categorical[feature.name] = str(self._rng.choice(["12.5", "cheap", "nan"]))
            draft.expected.append(Finding(feature.name, Reason.WRONG_KIND))

    def _code_beyond(self, draft: _Draft) -> None:
        self._wrong_code(draft, [0, 1, 1000])

    def _negative_code(self, draft: _Draft) -> None:
        self._wrong_code(draft, [-1, -2, -INT32_MAX - 1])

    def _wrong_code(self, draft: _Draft, codes: Sequence[int]) -> None:
        if feature := draft.take(lambda f: not is_number(f)):
            draft.row.codes[feature.name] = int(self._rng.choice(codes))
            draft.expected.append(Finding(feature.name, Reason.CODE_OUT_OF_DICTIONARY))

    def _empty(self, draft: _Draft) -> None:
        """Nothing at all, or every feature sent as missing: one violation, whatever is required."""
        sent = self._rng.random() < 0.5
        draft.row.numeric = {f.name: np.nan for f in self._features if sent and is_number(f)}
        draft.row.categorical = {f.name: "" for f in self._features if sent and not is_number(f)}
        draft.expected.append(Finding("", Reason.EMPTY_RECORD))

    def _nearly_empty(self, draft: _Draft) -> None:
        """One wrong number and nothing else: not empty, so what is required is found missing too."""
        draft.row.numeric, draft.row.categorical = {}, {}
        self._infinite(draft)
        lacking = [f.name for f in draft.free if f.required]
        draft.expected += [Finding(name, Reason.REQUIRED_FEATURE_MISSING) for name in lacking]

    def _near_miss(self, draft: _Draft) -> str:
        """A name that is no feature's, though nearly."""
        used = self._names | set(draft.row.numeric) | set(draft.row.categorical)
        while True:
            name = self._features[self._rng.integers(len(self._features))].name
            misses = [name.upper(), name + " ", name[:-1], f"{name}_2", f'"{name}"', f"{name}ß"]
            if (miss := misses[self._rng.integers(len(misses))]) not in used:
                return miss

    def _one_of(self, values: Sequence[float]) -> float:
        return float(values[int(self._rng.integers(len(values)))])


def _remove(row: Row, name: str) -> None:
    row.numeric.pop(name, None)
    row.categorical.pop(name, None)
