"""Records on their way in: from Python's objects to the two shapes that C takes.

Packed: values and keys joined, with their lengths beside them; the quick one, without headers and with one timestamp for
all. Rows: an array of ckafka_record_t, for all else. Both borrow from `bytes` objects that the result keeps alive.
"""

from __future__ import annotations

from array import array
from ctypes import byref, c_char_p, c_size_t, c_void_p, cast, create_string_buffer
from struct import Struct

from . import _arguments
from ._lib import lib
from .errors import BufferTooSmall, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

    Headers = Union[Mapping[str, Optional[bytes]], Iterable[Tuple[str, Optional[bytes]]]]
    Row = Tuple[Optional[bytes], Optional[bytes], bytes, int]
    """Value, key, header fields, timestamp."""

_ROW = Struct("@PNPNPNq")


def header_fields(headers: Optional[Headers], name: str = "headers") -> bytes:
    """Kafka's header fields of a dict, or of pairs of a name and bytes or None."""
    if headers is None:
        return b""
    if isinstance(headers, (str, bytes)):
        raise TypeError(f"{name} must be a dict or a list of (str, bytes or None), not {_arguments.kind_of(headers)}")
    pairs: Any = getattr(headers, "items", lambda: headers)()
    fields: List[bytes] = []
    try:
        for number, pair in enumerate(pairs):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise TypeError(f"{name}[{number}] must be a pair of a str and bytes or None, not {pair!r}")
            which = f"{name}[{number}]"
            fields.append(_header(_arguments.text(pair[0], f"{which} name"), _arguments.data(pair[1], f"{which} value")))
    except TypeError as error:
        if not hasattr(pairs, "__iter__"):
            kind = _arguments.kind_of(headers)
            raise TypeError(f"{name} must be a dict or a list of (str, bytes or None), not {kind}") from None
        raise error
    return b"".join(fields)


def _header(name: bytes, value: Optional[bytes]) -> bytes:
    capacity = len(name) + len(value or b"") + 10
    while True:
        buffer, used = create_string_buffer(capacity), c_size_t(0)
        code = lib.ckafka_headers_append(buffer, capacity, name, value, len(value or b""), byref(used))
        if code != BufferTooSmall.code:
            check(code)
            return buffer.raw[: used.value]
        capacity = used.value


def row(value: Any, key: Any, headers: Optional[Headers], timestamp: Any, which: str = "") -> Row:
    """One record whose parts were checked; `which` names it in messages."""
    return (
        _arguments.data(value, f"{which}value"),
        _arguments.data(key, f"{which}key"),
        header_fields(headers, f"{which}headers"),
        _arguments.timestamp(timestamp, f"{which}timestamp"),
    )


def row_of(item: Any, number: int, timestamp: Any) -> Row:
    """A record of a list: bytes or None (a value), or a tuple of key, value and perhaps headers and timestamp."""
    which = f"records[{number}]: "
    if isinstance(item, (tuple, list)):
        if not 2 <= len(item) <= 4:
            raise ValueError(f"{which}a tuple must be (key, value[, headers[, timestamp]]), not of {len(item)} items")
        key, value, *rest = item
        headers = rest[0] if rest else None
        own = rest[1] if len(rest) == 2 and rest[1] is not None else timestamp
        return row(value, key, headers, own, which)
    return row(item, None, None, timestamp, which)


class Rows:
    """An array of ckafka_record_t: pass `address` and `count`, and keep the object for the length of the call."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._bytes = b"".join(part for value, key, fields, _ in rows for part in (key or b"", value or b"", fields))
        at = address_of(self._bytes)
        packed = bytearray()
        for value, key, fields, timestamp in rows:
            key_size, value_size = len(key or b""), len(value or b"")
            value_at = at + key_size
            fields_at = value_at + value_size
            packed += _ROW.pack(
                0 if key is None else at, key_size,
                0 if value is None else value_at, value_size,
                fields_at if fields else 0, len(fields),
                timestamp,
            )  # fmt: skip
            at = fields_at + len(fields)
        self._rows = bytes(packed)
        self.address = address_of(self._rows)
        self.count = len(rows)


def address_of(value: bytes) -> int:
    """Where the bytes of an object lie, as long as it lives. Not NULL, even if there are none."""
    return cast(c_char_p(value), c_void_p).value or 1


class Column:
    """Keys or values, joined: `joined`, and `lengths` as an array of int32 at `address`, -1 for None."""

    __slots__ = ("joined", "lengths", "address")

    def __init__(self, parts: Sequence[Any]) -> None:
        self.joined = b"".join(parts)
        sizes = list(map(len, parts))
        first = sizes[0] if sizes else 0
        count = len(sizes)
        # Most logs have records of one size; counting them costs less than converting each.
        if sizes.count(first) == count:
            self.lengths = array("i", (first,)) * count
            total = first * count
        else:
            self.lengths = array("i", sizes)
            total = sum(sizes)
        # A buffer of anything but single bytes has another length than its number of items.
        if total != len(self.joined):
            raise TypeError("not bytes")
        self.address = self.lengths.buffer_info()[0]

