"""Records that were read, as a view into the log's pages, and the ways to walk over it.

Values and keys are cut out of one piece of memory by two columns of positions and lengths: out of a copy of it as `bytes`,
or out of the pages themselves as memoryviews. Tables for NumPy and others are made in `_tables`.
"""

from __future__ import annotations

from ctypes import byref, c_int32, c_int64, c_size_t, c_ubyte, c_uint64, c_void_p, sizeof, string_at
from functools import partial
from itertools import repeat
from operator import add
from struct import Struct, pack, unpack
from sys import byteorder
from collections import namedtuple

from ._api import Columns, Slice
from ._lib import lib
from ._view import Pin, empty, memory
from .errors import Closed, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, Iterable, Iterator, List, Literal, NamedTuple, Optional, Tuple, Union, overload

    import numpy
    import pandas
    import pyarrow

    HeaderList = List[Tuple[str, Optional[bytes]]]
    Item = Tuple[int, int, Optional[bytes], Optional[bytes]]
    ViewItem = Tuple[int, int, Optional[memoryview], Optional[memoryview]]

    class _Record(NamedTuple):
        offset: int
        timestamp: int
        key: Optional[bytes]
        value: Optional[bytes]
        headers: HeaderList
else:
    _Record = namedtuple("_Record", "offset timestamp key value headers")

    def overload(function):
        return function


NULL = b"\xff\xff\xff\xff"
"""A length of -1. The bytes of lengths of 0 and more never hold it: the highest of each four is below 0x80."""
LARGE_RECORD_BYTES = 4096


class Record(_Record):
    """One record: offset, timestamp (milliseconds since 1970), key, value (None is a tombstone), and headers, a list of
    names and values."""

    __slots__ = ()

    @property
    def time(self) -> "datetime":
        """The timestamp as an aware datetime, in UTC."""
        from datetime import datetime, timedelta, timezone

        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=self.timestamp)


_new_record: Any = partial(tuple.__new__, Record)


class Batch:
    """A run of record batches where they lie in the log: pinned, immutable, usable from any thread.

    It is false where it holds no record. At the end of a `with` block it gives its memory back; slices that were taken from
    it stay valid, and keep what they need.

    >>> log.append_many([(b"k1", b"v1"), (b"k2", b"v2")])
    0
    >>> with log.reader() as reader, reader.fetch() as batch:
    ...     for offset, timestamp, key, value in batch.iter():
    ...         print(offset, key, value)
    0 b'k1' b'v1'
    1 b'k2' b'v2'
    """

    __slots__ = ("_pin", "_columns", "_count", "_base", "_size", "_copied", "_released", "__weakref__")

    def __init__(self, view: Optional[int]) -> None:
        self._columns = Columns(struct_size=sizeof(Columns))
        self._count = self._base = self._size = 0
        self._copied: Optional[bytes] = None
        self._released = False
        self._pin: Optional[Pin] = None
        if view is not None:
            pin = Pin(view)
            base, size = c_void_p(), c_size_t()
            check(lib.ckafka_view_columns(pin, byref(self._columns)))
            check(lib.ckafka_view_base(pin, byref(base), byref(size)))
            self._base, self._size, self._count = base.value or 0, size.value, self._columns.count
            self._pin = pin

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> "Batch":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Gives the memory back as soon as no slice needs it. The batch cannot be used after that."""
        self._released = True
        self._pin = self._copied = None

    def __reduce__(self) -> Any:
        raise TypeError("a Batch cannot be pickled: pickle list(batch), or its bytes, `raw`, and decode() them there")

    def __repr__(self) -> str:
        return f"<ckafka.Batch of {self._count} records{', released' if self._released else ''}>"

    def _alive(self) -> Optional[Pin]:
        if self._released:
            raise Closed("this Batch was released")
        return self._pin

    # Columns

    def _column(self, kind: Any, form: str, address: Optional[int]) -> memoryview:
        pin = self._alive()
        if pin is None or not self._count or address is None:
            return empty(form)
        return memory(pin, kind, form, address, self._count)

    @property
    def offsets(self) -> memoryview:
        """Offsets in the log, as a memoryview of int64 without a copy."""
        return self._column(c_int64, "q", self._columns.offsets)

    @property
    def timestamps(self) -> memoryview:
        """Milliseconds since 1970, as a memoryview of int64 without a copy."""
        return self._column(c_int64, "q", self._columns.timestamps)

    @property
    def key_positions(self) -> memoryview:
        """Where keys start in `data`, as uint64; `key_lengths` has -1 where there is none."""
        return self._column(c_uint64, "Q", self._columns.key_pos)

    @property
    def key_lengths(self) -> memoryview:
        """Bytes of each key, as int32; -1 is None."""
        return self._column(c_int32, "i", self._columns.key_len)

    @property
    def value_positions(self) -> memoryview:
        """Where values start in `data`, as uint64."""
        return self._column(c_uint64, "Q", self._columns.val_pos)

    @property
    def value_lengths(self) -> memoryview:
        """Bytes of each value, as int32; -1 is None."""
        return self._column(c_int32, "i", self._columns.val_len)

    @property
    def data(self) -> memoryview:
        """The memory that positions refer to, without a copy: pages of the log, or what was decompressed.

        >>> log.append(b"hello")
        0
        >>> batch = log.reader().fetch()
        >>> start, size = batch.value_positions[0], batch.value_lengths[0]
        >>> bytes(batch.data[start:start + size])
        b'hello'
        """
        pin = self._alive()
        return memoryview(b"") if pin is None else memory(pin, c_ubyte, "B", self._base, self._size)

    @property
    def raw(self) -> memoryview:
        """The record batches exactly as they lie on disk, without a copy: what `append_raw` and `decode` take."""
        pin = self._alive()
        if pin is None:
            return memoryview(b"")
        address, size = c_void_p(), c_size_t()
        check(lib.ckafka_view_raw(pin, byref(address), byref(size)))
        return memory(pin, c_ubyte, "B", address.value or 0, size.value)

    # Walking over records

    def _parts(self, starts: memoryview, sizes: memoryview, buffers: bool) -> Iterator[Any]:
        """Keys or values one after the other, or None."""
        count = self._count
        raw_sizes = sizes.tobytes()
        first = raw_sizes[:4]
        is_even = raw_sizes == first * count
        if is_even and first == NULL:
            return repeat(None, count)
        source: Any = self.data if buffers else self._copy()
        if type(source) is not bytes and not buffers:
            return (bytes(source[at : at + size]) if size >= 0 else None for at, size in zip(starts, sizes))
        if is_even:
            size = sizes[0] if count else 0
            return (source[at : at + size] for at in starts)
        if NULL in raw_sizes:
            return (source[at : at + size] if size >= 0 else None for at, size in zip(starts, sizes))
        return (source[at : at + size] for at, size in zip(starts, sizes))

    def _pairs(self) -> Optional[Iterator[Tuple[bytes, bytes]]]:
        """Keys and values, cut out two at a time: where all keys are of one size, all values too, and they lie equally far
        apart. Else None."""
        count, keys = self._count, self.key_positions
        key_size, value_size = self.key_lengths[0], self.value_lengths[0]
        gap = self.value_positions[0] - keys[0] - key_size
        if key_size < 0 or value_size < 0 or gap < 0:
            return None
        for sizes, size in ((self.key_lengths, key_size), (self.value_lengths, value_size)):
            if sizes.tobytes() != pack("i", size) * count:
                return None
        if not _are_apart(keys, self.value_positions, key_size + gap):
            return None
        return map(Struct(f"{key_size}s{gap}x{value_size}s").unpack_from, repeat(self._copy()), keys)

    def _copy(self) -> Any:
        """What `bytes` are cut out of: a copy of everything, or the pages themselves where records are large."""
        if self._size > self._count * LARGE_RECORD_BYTES:
            return self.data
        if self._copied is None:
            self._copied = string_at(self._base, self._size)
        return self._copied

    @overload
    def values(self, buffers: Literal[False] = False) -> Iterator[Optional[bytes]]: ...
    @overload
    def values(self, buffers: Literal[True]) -> Iterator[Optional[memoryview]]: ...  # noqa: F811
    def values(self, buffers: bool = False) -> Iterator[Any]:  # noqa: F811
        """Values one after the other: as bytes, or as memoryviews into the log; None is a tombstone.

        >>> log.append_values([b"a", b"b"])
        0
        >>> [bytes(view) for view in log.reader().fetch().values(buffers=True)]
        [b'a', b'b']
        """
        return self._parts(self.value_positions, self.value_lengths, buffers)

    @overload
    def keys(self, buffers: Literal[False] = False) -> Iterator[Optional[bytes]]: ...
    @overload
    def keys(self, buffers: Literal[True]) -> Iterator[Optional[memoryview]]: ...  # noqa: F811
    def keys(self, buffers: bool = False) -> Iterator[Any]:  # noqa: F811
        """Keys one after the other, as `values` does.

        >>> log.append_many([(b"k", b"v"), (None, b"w")])
        0
        >>> list(log.reader().fetch().keys())
        [b'k', None]
        """
        return self._parts(self.key_positions, self.key_lengths, buffers)

    @overload
    def iter(self, buffers: Literal[False] = False) -> Iterator[Item]: ...
    @overload
    def iter(self, buffers: Literal[True]) -> Iterator[ViewItem]: ...  # noqa: F811
    def iter(self, buffers: bool = False) -> Iterator[Any]:  # noqa: F811
        """Tuples of offset, timestamp, key and value; bytes, or memoryviews into the log with `buffers=True`.

        >>> log.append(b"v", key=b"k", timestamp=1000)
        0
        >>> list(log.reader().fetch().iter())
        [(0, 1000, b'k', b'v')]
        """
        if not self._count or self._alive() is None:
            return iter(())
        return self._rows(buffers)

    def _rows(self, buffers: bool, *more: Iterable[Any]) -> Iterator[Any]:
        """Tuples of offset, timestamp, key, value, and more columns behind them."""
        offsets, timestamps = self.offsets, self.timestamps
        pairs = None if buffers else self._pairs()
        if pairs is None:
            return zip(offsets, timestamps, self.keys(buffers), self.values(buffers), *more)  # type: ignore[call-overload]
        rows = map(add, zip(offsets, timestamps), pairs)
        return map(add, rows, zip(*more)) if more else rows

    def __iter__(self) -> Iterator[Record]:
        if not self._count or self._alive() is None:
            return iter(())
        return map(_new_record, self._rows(False, self.headers()))

    def headers(self) -> Iterator[HeaderList]:
        """The headers of each record: a list of names and values, in the order in which they were given.

        >>> log.append(b"v", headers={"trace": b"7", "flag": None})
        0
        >>> list(log.reader().fetch().headers())
        [[('trace', b'7'), ('flag', None)]]
        """
        # Kept until the end, as another thread may release the batch meanwhile.
        pin = self._alive()
        if not self._count or pin is None:
            return iter(())
        count = self._count
        raw_lengths = string_at(self._columns.hdr_len, 4 * count)
        if not any(raw_lengths):
            return ([] for _ in range(count))
        starts = unpack(f"{count}Q", string_at(self._columns.hdr_pos, 8 * count))
        data = self.data
        sizes = unpack(f"{count}i", raw_lengths)
        return (parse_headers(bytes(data[at : at + size])) if size > 0 else [] for at, size in zip(starts, sizes))

    # Tables for others

    def to_numpy(self) -> "dict[str, numpy.ndarray[Any, Any]]":
        """Columns as NumPy arrays without a copy: offset, timestamp (datetime64[ms]), positions and lengths, data (uint8).

        >>> log.append_values([b"ab", b"cde"])
        0
        >>> table = log.reader().fetch().to_numpy()
        >>> table["offset"].tolist(), table["value_length"].tolist()
        ([0, 1], [2, 3])
        """
        from ._tables import numpy_columns

        self._alive()
        return numpy_columns(self)

    def values_numpy(self, dtype: Any) -> "numpy.ndarray[Any, Any]":
        """Values of one size as an array of `dtype`: not copied where they lie at even distances, else copied once.

        `ValueError` where a value is None or of another size; `TypeError` for a `dtype` of Python objects.

        >>> log.append_values([(7).to_bytes(8, "little"), (9).to_bytes(8, "little")])
        0
        >>> log.reader().fetch().values_numpy("<i8").tolist()
        [7, 9]
        """
        from ._tables import numpy_values

        self._alive()
        return numpy_values(self, dtype)

    def to_arrow(self) -> "pyarrow.RecordBatch":
        """An Arrow record batch of offset, timestamp, key and value, without a copy of any: keys and values are
        views (`binary_view`) into the log. Values of 12 bytes and less lie in the view itself, as Arrow has it."""
        from ._tables import arrow_batch

        self._alive()
        return arrow_batch(self)

    def to_pandas(self) -> "pandas.DataFrame":
        """A DataFrame of offset, timestamp (UTC), key and value; numbers are not copied, keys and values are `bytes`."""
        from ._tables import pandas_frame

        self._alive()
        return pandas_frame(self)


def _are_apart(starts: memoryview, ends: memoryview, distance: int) -> bool:
    """Whether each of `ends` lies `distance` behind its start.

    Each column is taken for one large number, whose digits are positions: no loop. A difference of two digits is smaller
    than a digit's base, so that no two of them can make up for each other.
    """
    first, last = (int.from_bytes(column.tobytes(), byteorder) for column in (starts, ends))
    return last - first == int.from_bytes(pack("Q", distance) * len(starts), byteorder)


def parse_headers(fields: bytes) -> HeaderList:
    """Header fields as Kafka writes them, as a list of names and values."""
    cursor, name, value = c_size_t(0), Slice(), Slice()
    headers: HeaderList = []
    while True:
        check(lib.ckafka_header_next(fields, len(fields), byref(cursor), byref(name), byref(value)))
        if name.data is None:
            return headers
        text = string_at(name.data, name.len).decode("utf-8", "surrogateescape")
        headers.append((text, None if value.data is None else string_at(value.data, value.len)))


def decode(batches: Union[bytes, bytearray, memoryview], max_bytes: int = 1 << 30) -> Tuple[Batch, int]:
    """Reads record batches that arrived from elsewhere, for example from a socket: a `Batch`, and how many bytes it took.

    Call again with the rest. 0 bytes: there is no whole batch yet. `max_bytes` limits what compressed ones may grow to.
    `InvalidBatch`, `UnsupportedMessageFormat`, `MessageTooLarge`, `UnsupportedCompression`.

    >>> log.append(b"sent")
    0
    >>> batch, used = ckafka.decode(log.reader().fetch().raw)
    >>> list(batch.values())
    [b'sent']
    """
    from . import _arguments

    given = _arguments.data(batches, "batches")
    if given is None:
        raise TypeError("batches must be bytes, not None")
    limit = _arguments.whole(max_bytes, "max_bytes", 0, 2**63 - 1)
    view, consumed = c_void_p(), c_size_t()
    check(lib.ckafka_view_decode(given, len(given), limit, byref(view), byref(consumed)))
    return Batch(view.value), consumed.value
