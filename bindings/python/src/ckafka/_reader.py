"""A reading position in a log."""

from __future__ import annotations

from ctypes import byref, c_int, c_int64, c_void_p

from . import _arguments
from ._batch import Batch
from ._handle import BAD_HANDLE, BUSY, Child
from ._interrupt import INTERRUPTED, TIMED_OUT, Deadline, check_signals
from ._lib import lib
from .errors import error_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Optional, Union

    from ._batch import Record
    from ._log import Log

FETCH_BYTES = 1 << 20


class Reader(Child):
    """A reading position; `Log.reader` opens it. One thread at a time may use it, except `wakeup` and `close`.

    In a forked child it answers `Forked`: open one there.
    """

    def __init__(self, log: "Log", start: int, follow: bool, config: Dict[str, str]) -> None:
        super().__init__(log.env)
        self._log, self._follow, self._woken = log, follow, False
        self._turn: Optional[object] = None
        with _arguments.Conf(config) as conf:
            self._have_opened(log, lib.ckafka_reader_close, lib.ckafka_reader_open, start, conf)

    def __reduce__(self) -> Any:
        raise TypeError("a Reader cannot be pickled: pickle its Log, and open one there")

    def __repr__(self) -> str:
        return f"<ckafka.Reader of {self._log.topic}-{self._log.partition}{' closed' if self.closed else ''}>"

    def fetch(self, max_bytes: int = FETCH_BYTES, timeout: Optional[float] = 0.0) -> Batch:
        """The next records: whole record batches of at most `max_bytes`, but one at least; the reader moves behind them.

        At the end of the log it waits up to `timeout` seconds, None for ever, and then answers an empty batch, which is false.

        `Corrupt`, `OffsetOutOfRange` (deleted by retention), `UnknownTopicOrPartition` (deleted), `Interrupted` (`wakeup`),
        `Closed`, `Busy` (another thread), `Forked`; the reader stays where it was.

        >>> log.append_values([b"a", b"b"])
        0
        >>> with log.reader() as reader:
        ...     while batch := reader.fetch():
        ...         print(list(batch.values()))
        [b'a', b'b']
        """
        limit = _arguments.whole(max_bytes, "max_bytes", 1, _arguments.INT64_MAX)
        deadline = Deadline(timeout)
        # C knows of one call at a time; between the pieces of a wait the reader is in use as well. No lock: a signal whose
        # handler raises could come between taking it and noting that, but not between these steps, which call nothing.
        me = object()
        try:
            if self._turn is None:
                self._turn = me
            if self._turn is not me:
                self.position  # raises where the reader is closed, or a forked child's: then that is the reason
                raise error_of(BUSY, "another thread is in a fetch of this Reader")
            return self._fetch(limit, deadline)
        finally:
            if self._turn is me:
                self._turn = None

    def _fetch(self, limit: int, deadline: Deadline) -> Batch:
        view = c_void_p()
        while True:
            code = lib.ckafka_reader_fetch(self._pointer, limit, deadline.piece_ms(), byref(view))
            if not code:
                batch = Batch(view.value)
                if batch._count:
                    return batch
            elif code != TIMED_OUT:
                self._interrupted(code)
            if deadline.is_over():
                return Batch(None)

    def _interrupted(self, code: int) -> None:
        """Raises, unless it was only a signal that nobody minds."""
        if self._closed or self._env.closed:
            self._closed = True
            self._raise(BAD_HANDLE)
        if code != INTERRUPTED:
            self._raise(code)
        if self._woken:
            self._woken = False
            self._raise(code)
        check_signals()

    def __iter__(self) -> Iterator[Record]:
        timeout = None if self._follow else 0.0
        while batch := self.fetch(timeout=timeout):
            yield from batch

    def seek(self, offset: Union[int, str]) -> None:
        """Moves to an offset, or to 'earliest', 'latest' or 'durable'. `OffsetOutOfRange`: it stays where it was.

        >>> log.append_values([b"a", b"b", b"c"])
        0
        >>> reader = log.reader()
        >>> reader.seek(2)
        >>> [record.value for record in reader]
        [b'c']
        """
        self._call(lib.ckafka_reader_seek, _arguments.start(offset, "offset"))

    def seek_time(self, time: Any) -> None:
        """Moves to the first record at or after a time, exactly; to the end where there is none.

        `time` is an aware datetime, or milliseconds since 1970.

        >>> from datetime import datetime, timezone
        >>> noon = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
        >>> log.append(b"morning", timestamp=noon.replace(hour=8))
        0
        >>> log.append(b"evening", timestamp=noon.replace(hour=20))
        1
        >>> reader = log.reader()
        >>> reader.seek_time(noon)
        >>> reader.position
        1
        """
        self._call(lib.ckafka_reader_seek_time, _arguments.moment(time, "time"))

    @property
    def position(self) -> int:
        """The offset that the next fetch starts at."""
        offset = c_int64()
        self._call(lib.ckafka_reader_position, byref(offset))
        return offset.value

    def fileno(self) -> int:
        """A descriptor that polls readable while there is something to fetch, for `select`, `selectors` and event loops.

        Borrowed: poll it, but neither read nor close it. When it is readable, fetch until a batch is empty.

        >>> import select
        >>> reader = log.reader()
        >>> select.select([reader], [], [], 0)[0]
        []
        >>> log.append(b"v")
        0
        >>> select.select([reader], [], [], 10)[0] == [reader]
        True
        """
        descriptor = c_int()
        self._call(lib.ckafka_reader_fd, byref(descriptor))
        return descriptor.value

    def wakeup(self) -> None:
        """Ends a waiting `fetch`, or the next one that would wait, with `Interrupted`. From any thread.

        >>> reader = log.reader()
        >>> reader.wakeup()
        >>> try:
        ...     reader.fetch(timeout=10)
        ... except ckafka.Interrupted:
        ...     print("woken")
        woken
        """
        self._woken = True
        self._call(lib.ckafka_wakeup)


def read_until(log: "Log", start: int, stop: Optional[int]) -> Iterator[Record]:
    """Records below `stop`, or below the end as it is now."""
    marks = log.watermarks()
    end = marks.end if stop is None else min(stop, marks.end)
    return _records_below(end, Reader(log, start, False, {}))


def _records_below(end: int, reader: Reader) -> Iterator[Record]:
    with reader:
        while reader.position < end:
            batch = reader.fetch()
            if not batch:
                return
            if batch.offsets[-1] < end:
                yield from batch
                continue
            for record in batch:
                if record.offset >= end:
                    return
                yield record
