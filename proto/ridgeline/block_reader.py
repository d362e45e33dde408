"""What every block reader gives: blocks of a fixed number of rows, in the file's order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Literal, Protocol, Self, TypeVar

import pyarrow as pa

from ridgeline.table_bytes import Consumed

MAX_GROUP_BYTES = 1 << 30


@dataclass(frozen=True)
class Block:
    """Some rows of a file, one after the other.

    `first_row` is the index of the first of them among the file's data rows, from 0. `cells` holds the
    wanted columns by name: text in a CSV, the file's types in Parquet. `unfit` says of a row, by its index
    within the block, what is wrong with it ("has 7 cells, the header has 10"); all its cells are null.
    `consumed` covers at least everything this block was cut from.
    """

    first_row: int
    cells: pa.Table
    unfit: Mapping[int, str]
    consumed: Consumed


@dataclass(frozen=True)
class PlainNumbers:
    """Columns of numbers and the texts that are missing ones beside the empty text."""

    columns: Sequence[str] = ()
    missing_tokens: Sequence[str] = ()


class BlockReader(ABC):
    """An open table, read once from its beginning.

    `names` are the file's columns as they stand, duplicates included. `first_row_number` is what a person
    calls data row 0. `row_count` is None where only reading tells. `size` is in bytes, as stored, when the
    file was opened; None for a pipe.
    """

    kind: ClassVar[Literal["csv", "parquet"]]
    first_row_number: ClassVar[int]
    names: tuple[str, ...]
    row_count: int | None
    size: int | None

    def blocks(
        self, columns: Sequence[str], rows: int, skip: int = 0, plain: PlainNumbers = PlainNumbers()
    ) -> Iterator[Block]:
        """Give the columns in blocks of exactly `rows` rows, the last one shorter; to be called once.

        The first `skip` rows are passed over without being parsed. The `plain` columns of a CSV come as
        float64 in those blocks where each of their cells is a number or missing (null): faster than text.

        Raises:
            ValueError: `rows` is not positive, `skip` is negative, or a column is not there exactly once.
            TableError: while reading: the file is corrupt, changes, or its rows cannot be told apart.
        """
        if rows < 1 or skip < 0:
            raise ValueError(f"rows must be positive and skip not negative, got {rows} and {skip}")
        counts = Counter(self.names)
        if wrong := [name for name in columns if counts[name] != 1]:
            raise ValueError(f"columns that the file does not have exactly once: {wrong}")
        return self._blocks(list(dict.fromkeys(columns)), rows, skip, plain)

    @abstractmethod
    def _blocks(self, columns: list[str], rows: int, skip: int, plain: PlainNumbers) -> Iterator[Block]: ...

    @abstractmethod
    def close(self) -> None:
        """Close the file; a stream that was handed in stays open for its owner."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Rows(Protocol):
    """A run of rows that can be cut."""

    @property
    def nbytes(self) -> int:
        """How much memory the rows take."""

    def __len__(self) -> int: ...

    def slice(self, offset: int, length: int) -> Self:
        """Return `length` rows from `offset` on, or all there are."""


AnyRows = TypeVar("AnyRows", bound=Rows)


def regroup(runs: Iterable[AnyRows], rows: int, skip: int) -> Iterator[list[AnyRows]]:
    """Drop `skip` rows, then give lists of runs that hold `rows` rows together, the last list fewer.

    Raises:
        pyarrow.ArrowCapacityError: so many rows take more than MAX_GROUP_BYTES.
    """
    group: list[AnyRows] = []
    held = size = 0
    for run in runs:
        start = min(skip, len(run))
        skip -= start
        while start < len(run):
            taken = min(rows - held, len(run) - start)
            group.append(run.slice(start, taken))
            start += taken
            held += taken
            size += group[-1].nbytes
            if size > MAX_GROUP_BYTES:
                raise pa.ArrowCapacityError(f"{held} rows take more than {MAX_GROUP_BYTES >> 20} MiB")
            if held == rows:
                yield group
                group, held, size = [], 0, 0
    if group:
        yield group
