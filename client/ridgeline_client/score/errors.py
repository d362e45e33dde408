"""Why a scoring job does not start or does not go on. What is done stays done: the same command goes on."""

from __future__ import annotations


class ScoreError(Exception):
    """Base: the message names the file, the trouble and what to do."""


class WrongTable(ScoreError):
    """The table is not what the model needs, or is no table."""


class JobRefused(ScoreError):
    """The job is not the one that was begun, or would overwrite something."""


class ModelChanged(ScoreError):
    """The version that priced the first rows is not served any more."""


class JobFailed(ScoreError):
    """The server could not price a chunk, or the output cannot be written."""
