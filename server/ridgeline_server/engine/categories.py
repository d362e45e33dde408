"""Categorical columns as sent to levels of the model."""

from __future__ import annotations

import numpy as np

from ridgeline import missing
from ridgeline.reasons import Reason
from ridgeline_server.domain import Bools, CategoricalColumn, Categories, Ints, RecordBatch, Strings
from ridgeline_server.engine.faults import Fault
from ridgeline_server.engine.names import Names
from ridgeline_server.engine.schema import Schema

_SHORT_DICTIONARY = 1_000
_NO_ENTRIES = ("",)


def read(schema: Schema, batch: RecordBatch, names: Names) -> tuple[Categories, list[Fault]]:
    """Read the columns of a batch into the model's order; a feature that was not sent is missing.

    A code beyond its dictionary is its row's fault and does not count as missing: its level is "unseen".
    """
    codes = np.zeros((len(schema.levels), batch.row_count), dtype=np.int32)
    entries: list[list[str]] = [list(_NO_ENTRIES)] * len(schema.levels)
    sizes = [0] * len(schema.levels)
    for source, target in zip(*names.categorical, strict=True):
        codes[target] = batch.categorical[source].codes
        sizes[target] = len(batch.categorical[source].dictionary)
    # a negative code, read without its sign, is beyond every dictionary
    beyond = codes.view(np.uint32) > np.array(sizes, dtype=np.uint32).reshape(-1, 1)
    faults = []
    if np.count_nonzero(beyond):
        codes[beyond] = 0
        for source, target in zip(*names.categorical, strict=True):
            if np.count_nonzero(beyond[target]):
                faults.append(_code_fault(batch.categorical[source], beyond[target]))
    for source, target in zip(*names.categorical, strict=True):
        entries[target], codes[target] = _entries(batch.categorical[source], codes[target], schema, target)
    levels = _levels(schema, entries, codes)
    if faults:
        levels = np.where(beyond, schema.unseen, levels)
    return Categories(entries, codes, levels), faults


def of_texts(schema: Schema, texts: Strings) -> Categories:
    """The categories of rows object [n, m] of str, "" = missing, taken to the letter."""
    entries: list[list[str]] = []
    codes = np.zeros(texts.shape[::-1], dtype=np.int32)
    for feature, column in enumerate(texts.T):
        places: dict[str, int] = {"": 0}
        codes[feature] = [places.setdefault(text, len(places)) for text in column]
        entries.append(list(places))
    return Categories(entries, codes, _levels(schema, entries, codes))


def _entries(column: CategoricalColumn, codes: Ints, schema: Schema, target: int) -> tuple[list[str], Ints]:
    """The dictionary by the missing rule, with the missing category at 0, and the codes. Of a long one only
    what is used stays, so that it costs no more than the rows do."""
    dictionary, levels, tokens = column.dictionary, schema.levels[target], schema.missing_tokens
    if len(dictionary) <= _SHORT_DICTIONARY:
        # what training has seen is written by the rule already
        texts = (text if text in levels else missing.category(text, tokens) for text in dictionary)
        return ["", *texts], codes
    used, places = np.unique(np.append(codes, 0), return_inverse=True)
    texts = (missing.category(dictionary[code - 1], tokens) for code in used[1:].tolist())
    return ["", *texts], places[:-1].astype(np.int32)


def _levels(schema: Schema, entries: list[list[str]], codes: Ints) -> Ints:
    places: list[int] = []
    starts = []
    for known, texts in zip(schema.levels, entries, strict=True):
        starts.append(len(places))
        unseen = len(known)
        places += [known.get(text, unseen) for text in texts]
    if not places:
        return codes
    levels: Ints = np.array(places, dtype=np.int32)[codes + np.array(starts, dtype=np.int32).reshape(-1, 1)]
    return levels


def _code_fault(column: CategoricalColumn, beyond: Bools) -> Fault:
    rows, size, name = np.flatnonzero(beyond), len(column.dictionary), column.name

    def message(at: int) -> str:
        code = column.codes[rows[at]]
        return f"code {code} of {name!r} is not in its dictionary: expected 0 (missing) to {size}"

    return Fault(Reason.CODE_OUT_OF_DICTIONARY, rows, name, message, "categorical")
