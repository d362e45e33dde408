"""A column of categories as a dictionary and codes: what the wire carries, and no Python object per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ridgeline.missing import MISSING_CATEGORY


@dataclass(frozen=True, eq=False)
class CodedCategories:
    """Categories of n rows.

    Attributes:
        texts: distinct categories, none of them missing.
        codes: int32[n]; 0 is missing, i is texts[i - 1].
    """

    texts: list[str]
    codes: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> CodedCategories:
        """Return some of the rows, chosen as NumPy chooses, and the texts they need."""
        used, codes = np.unique(self.codes[rows], return_inverse=True)
        texts = [self.texts[code - 1] for code in used.tolist() if code]
        return CodedCategories(texts, (codes + (len(texts) == len(used))).astype(np.int32))

    def values(self) -> npt.NDArray[np.object_]:
        """Return the categories one by one, object[n] of str."""
        return np.array([MISSING_CATEGORY, *self.texts], dtype=object)[self.codes]
