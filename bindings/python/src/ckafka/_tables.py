"""Batches as tables of NumPy, Arrow and pandas, which are imported when they are asked for and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

import numpy

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from ._batch import Batch

INLINE_BYTES = 12
MASKS = numpy.array(
    [[(1 << 8 * min(max(size - 4 * word, 0), 4)) - 1 for size in range(INLINE_BYTES + 1)] for word in range(3)], "<u4"
)
"""Which bytes of each of the three words behind the length belong to a value that lies in its view, by its size."""
Array = numpy.ndarray[Any, Any]


def numpy_columns(batch: "Batch") -> Dict[str, Array]:
    """Every column as it lies in memory."""
    return {
        "offset": numpy.frombuffer(batch.offsets, "<i8"),
        "timestamp": numpy.frombuffer(batch.timestamps, "<M8[ms]"),
        "key_position": numpy.frombuffer(batch.key_positions, "<u8"),
        "key_length": numpy.frombuffer(batch.key_lengths, "<i4"),
        "value_position": numpy.frombuffer(batch.value_positions, "<u8"),
        "value_length": numpy.frombuffer(batch.value_lengths, "<i4"),
        "data": numpy.frombuffer(batch.data, "u1"),
    }


def numpy_values(batch: "Batch", dtype: Any) -> Array:
    """Values of one size. They lie at even distances for as long as the parts before them keep their sizes."""
    kind = numpy.dtype(dtype)
    if kind.hasobject:
        raise TypeError(f"dtype must be of plain bytes; {kind} holds Python objects, and a log has none")
    lengths = numpy.frombuffer(batch.value_lengths, "<i4")
    odd = numpy.flatnonzero(lengths != kind.itemsize)
    if odd.size:
        size, offset = int(lengths[odd[0]]), batch.offsets[int(odd[0])]
        found = "None" if size < 0 else f"{size} bytes"
        raise ValueError(f"the value at offset {offset} is {found}, a {kind} takes {kind.itemsize}")
    if not len(batch):
        return numpy.empty(0, kind)
    at = numpy.frombuffer(batch.value_positions, "<u8").astype("i8")
    steps = numpy.diff(at)
    bounds = numpy.flatnonzero(numpy.diff(steps)) + 2
    runs: list[numpy.ndarray[Any, Any]] = []
    begin = 0
    while begin < len(at):
        following = bounds[numpy.searchsorted(bounds, begin + 2) :]
        end = int(following[0]) if following.size else len(at)
        step = int(steps[begin]) if end - begin > 1 else kind.itemsize
        runs.append(numpy.ndarray((end - begin,), kind, batch.data, int(at[begin]), (step,)))
        begin = end
    return runs[0] if len(runs) == 1 else numpy.concatenate(runs)


def _arrow_bytes(batch: "Batch", positions: memoryview, lengths: memoryview) -> "pyarrow.Array":
    """Keys or values as Arrow's views: 16 bytes each, of length, first bytes, number of the buffer, place in it."""
    import pyarrow

    data = batch.data
    if len(data) > 2**31 - 1:
        raise ValueError("Arrow's views reach no further than 2 GiB: fetch fewer bytes at a time")
    count, last = len(batch), len(data) - 4
    at = numpy.frombuffer(positions, "<u8").astype("<i4")
    sizes = numpy.frombuffer(lengths, "<i4")
    is_null, is_large = sizes < 0, sizes > INLINE_BYTES
    views = numpy.zeros((count, 4), "<u4")
    views[:, 0] = numpy.maximum(sizes, 0)
    # Four bytes from any place of the memory.
    words = numpy.ndarray((max(last + 1, 0),), "<u4", data, 0, (1,)) if last >= 0 else numpy.zeros(1, "<u4")
    if is_large.all():
        views[:, 1] = words[at]
        views[:, 3] = at
    else:
        inline = numpy.clip(sizes, 0, INLINE_BYTES)
        for word in range(3):
            views[:, 1 + word] = words[numpy.clip(at + 4 * word, 0, max(last, 0))] & MASKS[word][inline]
        views[is_large, 2] = 0
        views[is_large, 3] = at[is_large]
        # What lies so close to the end that the last word would reach past it.
        raw = views.view("u1").reshape(count, 16)
        for number in numpy.flatnonzero(~is_large & ~is_null & (at > last - 2 * 4)):
            begin, size = int(at[number]), int(sizes[number])
            raw[number, 4:] = 0
            raw[number, 4 : 4 + size] = numpy.frombuffer(data[begin : begin + size], "u1")
    valid = pyarrow.py_buffer(numpy.packbits(~is_null, bitorder="little")) if is_null.any() else None
    buffers = [valid, pyarrow.py_buffer(views), pyarrow.py_buffer(data)]
    return pyarrow.Array.from_buffers(pyarrow.binary_view(), count, buffers)


def arrow_batch(batch: "Batch") -> "pyarrow.RecordBatch":
    """Offset, timestamp, key, value."""
    import pyarrow

    numbers = [None, pyarrow.py_buffer(batch.offsets)]
    times = [None, pyarrow.py_buffer(batch.timestamps)]
    columns = {
        "offset": pyarrow.Array.from_buffers(pyarrow.int64(), len(batch), numbers),
        "timestamp": pyarrow.Array.from_buffers(pyarrow.timestamp("ms", "UTC"), len(batch), times),
        "key": _arrow_bytes(batch, batch.key_positions, batch.key_lengths),
        "value": _arrow_bytes(batch, batch.value_positions, batch.value_lengths),
    }
    return pyarrow.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def pandas_frame(batch: "Batch") -> "pandas.DataFrame":
    """Offset, timestamp, key, value."""
    import pandas

    return pandas.DataFrame(
        {
            "offset": numpy.frombuffer(batch.offsets, "<i8"),
            "timestamp": pandas.Series(numpy.frombuffer(batch.timestamps, "<M8[ms]")).dt.tz_localize("UTC"),
            "key": pandas.Series(list(batch.keys()), dtype=object),
            "value": pandas.Series(list(batch.values()), dtype=object),
        },
        copy=False,
    )
