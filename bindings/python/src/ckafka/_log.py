"""The log of one partition: appending, waiting for the disk, and what reads and sends it."""

from __future__ import annotations

from ctypes import byref, c_int, c_int32, c_int64, c_size_t

from . import _arguments
from ._api import CONSTANTS
from ._handle import FORKED, Child
from ._interrupt import INTERRUPTED, TIMED_OUT, Deadline, check_signals
from ._lib import lib
from ._records import Column, Rows, row, row_of
from .errors import error_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

    from typing_extensions import Buffer

    from ._arguments import Setting
    from ._batch import Record
    from ._env import Env, Watermarks
    from ._reader import Reader
    from ._records import Headers, Row
    from ._sender import Sender

    Part = Optional[Buffer]
    Pair = Tuple[Part, Part]
    Full = Union[Pair, Tuple[Part, Part, Optional[Headers]], Tuple[Part, Part, Optional[Headers], Any]]

LENGTHS_KEPT = 4096

# The call that is made for every single record. Its arguments are C's already, so that nothing is converted: lengths are
# shared, as nobody writes to them, and results go to a pair that one call has to itself.
_append_packed = lib.append_packed_unchecked
_lengths: Dict[int, Any] = {}
_ONE = c_size_t(1)
_NOW = c_int64(_arguments.NOW)
_results: List[Tuple[c_int64, Any]] = []


def _length(size: int) -> Any:
    """A pointer to a length."""
    if size > _arguments.INT32_MAX:
        raise ValueError(f"a value or key of {size} bytes is larger than a record can be")
    pointer = byref(c_int32(size))
    if size < LENGTHS_KEPT:
        _lengths[size] = pointer
    return pointer


def _result() -> Tuple[c_int64, Any]:
    number = c_int64()
    return number, byref(number)


class Log(Child):
    """The log of one partition; `Env.log` opens it. Any thread may use it.

    It can be pickled, and opens itself anew in a forked child.
    """

    def __init__(self, env: "Env", topic: bytes, partition: int, lazily: bool = False) -> None:
        super().__init__(env)
        self._topic, self._partition = topic, partition
        if not lazily:
            self._open()

    @property
    def env(self) -> "Env":
        """The directory that the log is in."""
        return self._env

    @property
    def topic(self) -> str:
        """Name of the topic."""
        return self._topic.decode()

    @property
    def partition(self) -> int:
        """Number of the partition."""
        return self._partition

    # Opening and closing

    def _open(self) -> None:
        self._have_opened(self._env, lib.ckafka_log_close, lib.ckafka_log_open, self._topic, self._partition)

    def _revive(self, code: int) -> bool:
        with self._env._lock:
            if self._closed or self._env.closed:
                self._closed = True
                return False
            if code == FORKED and self._env._pointer:
                self._env._revive(code)
            if self._pointer and self._pointer.value in self._env._children:
                return True  # another thread was here first
            self._open()
            return True

    def __reduce__(self) -> Tuple[Any, ...]:
        return Log, (self._env, self._topic, self._partition, True)

    def __repr__(self) -> str:
        return f"<ckafka.Log {self.topic}-{self._partition}{' closed' if self.closed else ''}>"

    # Appending

    def append(self, value: Part, key: Part = None, headers: Optional[Headers] = None, timestamp: Any = None) -> int:
        """Appends one record and returns its offset, once it is published: readable by all, and safe if this process dies,
        but not if the machine does (`append_durable`).

        `value` and `key` are bytes or None; `headers` a dict or a list of (str, bytes or None); `timestamp` an aware
        datetime, milliseconds since 1970, or None for now.

        `MessageTooLarge`, `DiskFull`, `ReadOnly`, `Timeout` (another process holds the log; nothing was appended), `IoError`,
        `UnknownTopicOrPartition` (deleted).

        >>> log.append(b"21.5", key=b"sensor-7", headers={"unit": b"C"})
        0
        """
        if type(value) is bytes and headers is None and timestamp is None:
            try:
                result = _results.pop()
            except IndexError:
                result = _result()
            size = len(value)
            length = _lengths.get(size) or _length(size)
            if key is None:
                code = _append_packed(self._pointer, value, length, None, None, _ONE, _NOW, result[1])
            elif type(key) is bytes:
                size = len(key)
                key_length = _lengths.get(size) or _length(size)
                code = _append_packed(self._pointer, value, length, key, key_length, _ONE, _NOW, result[1])
            else:
                return self._append_rows([row(value, key, None, None)])
            if not code:
                offset = result[0].value
                _results.append(result)
                return offset
            if code != INTERRUPTED and not self._revive_after(code):
                self._raise(code)
        return self._append_rows([row(value, key, headers, timestamp)])

    def _revive_after(self, code: int) -> bool:
        return code in (FORKED, CONSTANTS["CKAFKA_ERR__BAD_HANDLE"]) and self._revive(code)

    def _append_rows(self, rows: Sequence[Row]) -> int:
        packed, base = Rows(rows), c_int64()
        self._call(lib.ckafka_append, packed.address, packed.count, byref(base))
        return base.value

    def append_many(self, records: Iterable[Union[Part, Full]], timestamp: Any = None) -> int:
        """Appends records as one batch, all of them or none, and returns the offset of the first; the others follow it.

        A record is (key, value), (key, value, headers), (key, value, headers, timestamp), or a value. `timestamp` is of those that
        have none. If an iterable raises, nothing is appended. Errors as of `append`.

        >>> log.append_many([(b"k1", b"v1"), (b"k2", b"v2", {"h": b"1"}), b"v3"])
        0
        """
        items = _listed(records, "records")
        try:
            keys = [key for key, _ in items]
            columns = Column([value for _, value in items]), Column(keys)
        except (TypeError, ValueError, OverflowError):
            pass
        else:
            # Not among what is tried: a signal's handler may raise such an error when the records are in the log.
            return self._append_columns(*columns, len(items), timestamp)
        if all(type(item) is bytes for item in items):
            return self.append_values(items, timestamp)
        return self._append_rows([row_of(item, number, timestamp) for number, item in enumerate(items)])

    def append_values(self, values: Iterable[Part], timestamp: Any = None) -> int:
        """Appends values without keys as one batch, all of them or none; the quickest way in. Errors as of `append`.

        >>> log.append_values([b"1", b"2", b"3"])
        0
        """
        items = _listed(values, "values")
        try:
            column = Column(items)
        except (TypeError, OverflowError):
            return self._append_rows([row(item, None, None, timestamp, f"values[{n}]: ") for n, item in enumerate(items)])
        return self._append_columns(column, None, len(items), timestamp)

    def _append_columns(
        self, values: Column, keys: Optional[Column], count: int, timestamp: Any, base: Optional[c_int64] = None
    ) -> int:
        """`base` is for who has to know, whatever is raised, whether the records are in the log."""
        base = c_int64() if base is None else base
        arguments = (values.joined, values.address, keys and keys.joined, keys and keys.address)
        self._call(lib.ckafka_append_packed, *arguments, count, _arguments.timestamp(timestamp), byref(base))
        return base.value

    def append_raw(self, batch: Buffer) -> int:
        """Appends one ready record batch, compressed or not, as `Batch.raw` has them; its checksum is verified.

        `InvalidBatch`, `UnsupportedMessageFormat`, `InvalidRecord`, and those of `append`.
        """
        given = _arguments.data(batch, "batch")
        if given is None:
            raise TypeError("batch must be bytes, not None")
        base = c_int64()
        self._call(lib.ckafka_append_raw, given, len(given), byref(base))
        return base.value

    # Waiting for the disk

    def append_durable(
        self,
        value: Part,
        key: Part = None,
        headers: Optional[Headers] = None,
        timestamp: Any = None,
        timeout: Optional[float] = None,
    ) -> int:
        """Appends one record and returns its offset once it is on disk. Threads that wait at the same time share one sync.

        `Timeout` with `offset` set: the record IS appended there; go on with `wait_durable(offset)`. Without: another process
        holds the log (`lock_timeout_ms`), nothing was appended. `IoError`: it may or may not be on disk, and the log takes no
        more.

        >>> log.append_durable(b"paid", timeout=10)
        0
        """
        return self._append_durable([row(value, key, headers, timestamp)], timeout)

    def append_many_durable(
        self, records: Iterable[Union[Part, Full]], timestamp: Any = None, timeout: Optional[float] = None
    ) -> int:
        """Appends as `append_many` does, and returns once all are on disk. Errors as of `append_durable`.

        >>> log.append_many_durable([(b"k", b"v"), (b"k", b"w")])
        0
        """
        items = _listed(records, "records")
        return self._append_durable([row_of(item, number, timestamp) for number, item in enumerate(items)], timeout)

    def _append_durable(self, rows: Sequence[Row], timeout: Optional[float]) -> int:
        # In two calls: the first may be repeated as long as it has appended nothing, the second as long as one likes.
        deadline = Deadline(timeout)
        base = self._append_rows(rows)
        self._wait_durable(base, deadline)
        return base

    def wait_durable(self, offset: int, timeout: Optional[float] = None) -> None:
        """Waits until the record at `offset` is on disk; with what an append returned, its whole batch.

        A record that is not appended yet is waited for, too. `Timeout`; `IoError`: a sync failed, it will not come.

        >>> log.wait_durable(log.append(b"v"), timeout=10)
        """
        self._wait_durable(_arguments.whole(offset, "offset", 0, _arguments.INT64_MAX), Deadline(timeout))

    def _wait_durable(self, offset: int, deadline: Deadline) -> None:
        while True:
            code = lib.ckafka_wait_durable(self._pointer, offset, deadline.piece_ms())
            if not code:
                return
            if code == INTERRUPTED:
                check_signals()
            elif code == TIMED_OUT and deadline.is_over():
                text = f"offset {offset} of {self.topic}-{self._partition} was not on disk within {deadline.seconds} s"
                raise error_of(code, text, offset)
            elif code != TIMED_OUT and not self._revive_after(code):
                self._raise(code)

    def request_sync(self) -> None:
        """Asks the flush thread (`Env.start_threads`) for a sync and returns at once. `InvalidConfig`: no such thread."""
        self._call(lib.ckafka_sync_request)

    def durable_fileno(self) -> int:
        """A descriptor that polls readable when the durable end has moved since the last call of this method.

        Borrowed: poll it, but neither read nor close it.
        """
        descriptor = c_int()
        self._call(lib.ckafka_durable_fd, byref(descriptor))
        return descriptor.value

    def pretouch(self) -> None:
        """Prepares pages ahead of the end once, so that appends do not have to; for a thread of your own."""
        self._call(lib.ckafka_pretouch)

    # Reading and sending

    def watermarks(self) -> "Watermarks":
        """First offset, end, and durable end.

        >>> log.append(b"v")
        0
        >>> log.watermarks().end
        1
        """
        if self._closed:
            self._raise(CONSTANTS["CKAFKA_ERR__BAD_HANDLE"])
        return self._env._watermarks(self._topic, self._partition)

    def offset_for_time(self, time: Any) -> Optional[Tuple[int, int]]:
        """Offset and timestamp of the first record at or after a time (aware datetime, or ms since 1970); None: there is none.

        >>> log.append(b"v", timestamp=5000)
        0
        >>> log.offset_for_time(4000)
        (0, 5000)
        """
        offset, found = c_int64(), c_int64()
        self._call(lib.ckafka_offset_for_time, _arguments.moment(time, "time"), byref(offset), byref(found))
        return None if offset.value < 0 else (offset.value, found.value)

    def reader(
        self,
        start: Union[int, str] = "earliest",
        *,
        follow: bool = False,
        config: Optional[Mapping[str, "Setting"]] = None,
        **options: "Setting",
    ) -> "Reader":
        """A reader that starts at an offset, or at 'earliest', 'latest' or 'durable'.

        Iterating over it stops at the end of the log, or waits there for more with `follow`. Settings:
        `isolation_level="read_committed"`, `check_crcs=False`, `on_corrupt="skip"`, `read_mode="copy"`.

        `OffsetOutOfRange`, `InvalidConfig`, `UnknownTopicOrPartition` (deleted).

        >>> log.append_values([b"a", b"b", b"c"])
        0
        >>> with log.reader(start=1) as reader:
        ...     [record.value for record in reader]
        [b'b', b'c']
        """
        from ._reader import Reader

        return Reader(self, _arguments.start(start), follow, _arguments.settings(config, options))

    def read(self, start: Union[int, str] = "earliest", stop: Optional[int] = None) -> Iterator["Record"]:
        """Records from `start` to where the log ends now, at the time of the call, or to `stop` without it.

        `OffsetOutOfRange`, `UnknownTopicOrPartition` (deleted).

        >>> log.append_values([b"a", b"b", b"c"])
        0
        >>> [(record.offset, record.value) for record in log.read(start=1)]
        [(1, b'b'), (2, b'c')]
        """
        from ._reader import read_until

        first = _arguments.start(start)
        last = None if stop is None else _arguments.whole(stop, "stop", 0, _arguments.INT64_MAX)
        return read_until(self, first, last)

    def sender(self, start: Union[int, str] = "earliest") -> "Sender":
        """A sender that starts at the batch that holds an offset: for descriptors that do not take everything at once."""
        from ._sender import Sender

        return Sender(self, _arguments.start(start))

    def send(
        self, target: Any, offset: Union[int, str] = "earliest", max_bytes: int = 1 << 62, timeout: Optional[float] = None
    ) -> int:
        """Sends whole record batches to a socket, pipe or file, inside the kernel where it can, up to the end of the log or
        about `max_bytes` (one batch at least). Returns the offset that comes next.

        Waits while the target takes nothing, also a non-blocking one. `Timeout`: its `offset` has not gone as a whole.
        `PeerClosed`, `DiskFull` (of the target), `IoError`, `OffsetOutOfRange`.

        >>> log.append_values([b"a", b"b"])
        0
        >>> with open(path + ".copy", "wb") as file:
        ...     log.send(file, offset=0)
        2
        """
        with self.sender(offset) as sender:
            return sender.send_all(target, max_bytes, timeout)


def _listed(items: Iterable[Any], name: str) -> List[Any]:
    """All of an iterable, before anything is appended."""
    if isinstance(items, (str, bytes, bytearray, memoryview, dict)) or not hasattr(items, "__iter__"):
        raise TypeError(f"{name} must be an iterable of records, not {_arguments.kind_of(items)}")
    return items if type(items) is list else list(items)
