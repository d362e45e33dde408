"""Prices as fixed decimals: the same digits in CSV and Parquet, the same bytes every time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ridgeline_client.results import FloatArray

_PRECISION = 18
_EXTRA_DIGITS = 2
# ISO 4217: currencies whose smallest coin is not a hundredth.
_MINOR_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def price_type(currency: str) -> pa.DataType:
    """Return the type of prices in a currency (ISO 4217 code): two digits more than its smallest coin has."""
    return pa.decimal128(_PRECISION, _MINOR_DIGITS.get(currency, 2) + _EXTRA_DIGITS)


def decimals(values: FloatArray, kind: pa.DataType) -> pa.Array:
    """Return float64[n] as decimals of `kind`, rounded half to even; null for what is no number or has more
    than 18 digits.
    """
    with np.errstate(over="ignore"):
        scaled = np.rint(values * 10.0**kind.scale)
    fits = np.abs(scaled) < 10.0**_PRECISION  # false for NaN
    low = np.where(fits, scaled, 0.0).astype("<i8")
    words = np.empty((len(values), 2), dtype="<i8")  # little-endian 128 bits: low word, sign
    words[:, 0] = low
    words[:, 1] = low >> 63
    validity = np.packbits(fits, bitorder="little")
    return pa.Array.from_buffers(kind, len(values), [pa.py_buffer(validity), pa.py_buffer(words)])
