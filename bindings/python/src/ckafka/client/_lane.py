"""The queue of one partition: records that wait to become a batch, and the call that appends them.

Appending to a list is atomic, and the list of a lane is always the same one: whoever has it in hand can add to it at any time,
from any thread. A batch is cut off its front.
"""

from __future__ import annotations

from ctypes import byref, c_int64
from itertools import repeat
from threading import Lock
from time import perf_counter, time

from .. import errors
from .._lib import lib
from .._records import Column, Rows
from ._error import KafkaError, kafka_error
from ._message import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, List, Optional, Tuple, Union

    from .._log import Log

    Report = Callable[[Optional[KafkaError], Any], object]
    Entry = Union[bytes, Tuple[Any, ...]]
    """What is queued: a value; (key, value); or key, value, header fields, timestamp or 0, who wants to know, since when."""

    Reports = Callable[[int, Iterable[Any]], None]
    """Takes how many deliveries there are to report, and what yields a callback, an error and a message for each."""

RECORD_BYTES = 24
"""More than Kafka's format adds to a record."""


class Lane:
    """One partition's queue. `room` is what the batch still takes, `stamp` the time of its first record, 0 where there is none;
    `siblings` how many other partitions there are.

    Records of one batch that have no time of their own get that of the first: they were produced within `linger.ms` of it.
    """

    __slots__ = ("entries", "room", "stamp", "topic", "partition", "log", "lock", "siblings", "durable", "only_errors", "is_gone")

    def __init__(self, topic: str, log: "Log", siblings: int, durable: bool, only_errors: bool) -> None:
        self.entries: List[Entry] = []
        self.room, self.stamp = -1, 0
        self.topic, self.partition, self.log, self.siblings = topic, log.partition, log, siblings
        self.lock = Lock()
        self.durable, self.only_errors = durable, only_errors
        self.is_gone = False

    def begin(self, room: int) -> None:
        """Opens a batch, of which something is in the list already."""
        self.room = room - sum(map(_size_of, self.entries[:1]))
        self.stamp = int(time() * 1000)

    def take(self, spare: int) -> Tuple[List[Entry], int]:
        """Cuts the batch off: its records but for the last `spare` ones, and their time."""
        stamp = self.stamp or int(time() * 1000)
        self.room, self.stamp = -1, 0
        taken = self.entries[: len(self.entries) - spare]
        del self.entries[: len(taken)]
        # What another thread began in between was taken, too.
        self.room, self.stamp = -1, 0
        return taken, stamp

    def append(self, spare: int, reports: Reports) -> None:
        """Appends what is queued, but for the last `spare` records; `reports` gets what has to be told.

        Of what a signal's handler interrupts by an exception, nothing is lost or appended twice: it goes back into the queue,
        unless it is in the log.
        """
        parts: List[List[Entry]] = []
        try:
            taken, stamp = self.take(spare)
            parts.append(taken)
            while parts:
                self._deliver(parts, stamp, reports)
        except BaseException:
            self.entries[:0] = [entry for part in parts for entry in part]
            raise

    def _deliver(self, parts: List[List[Entry]], stamp: int, reports: Reports) -> None:
        """Appends the first part and takes it off the list, or puts halves there where it is too much for the topic."""
        taken, base, error = parts[0], c_int64(-1), None
        try:
            self._append(taken, stamp, base)
            if self.durable:
                self.log.wait_durable(base.value)
        except errors.Error as failure:
            if isinstance(failure, errors.MessageTooLarge) and len(taken) > 1:
                middle = len(taken) // 2
                parts[:1] = taken[:middle], taken[middle:]
                return
            self.is_gone = isinstance(failure, errors.UnknownTopicOrPartition)
            error = kafka_error(failure)
        except BaseException:
            if base.value >= 0:
                del parts[0]
                interrupted = KafkaError(KafkaError._INTR, "Interrupted: in the log, and not known to be on disk")
                self._tell(taken, stamp, base.value, interrupted if self.durable else None, reports)
            raise
        del parts[0]
        self._tell(taken, stamp, base.value, error, reports)

    def _tell(self, taken: List[Entry], stamp: int, base: int, error: Optional[KafkaError], reports: Reports) -> None:
        if error is not None or not self.only_errors:
            self.report(taken, stamp, base if error is None else None, error, reports)

    def _append(self, taken: List[Entry], stamp: int, base: c_int64) -> None:
        """`base` gets the offset of the first record."""
        kinds = set(map(type, taken))
        if kinds == {bytes}:
            self.log._append_columns(Column(taken), None, len(taken), stamp, base)
            return
        rows: List[Any] = [(None, item) if type(item) is bytes else item for item in taken] if bytes in kinds else taken
        try:
            if any([len(row) > 2 and (row[2] or row[3]) for row in rows]):
                raise TypeError("more than keys and values")
            keys = [row[0] for row in rows]
            columns = Column([row[1] for row in rows]), None if keys.count(None) == len(keys) else Column(keys)
        except TypeError:
            # Headers, times, or None among keys or values.
            packed = Rows([(row[1], row[0], *_own(row, stamp)) for row in rows])
            self.log._call(lib.ckafka_append, packed.address, packed.count, byref(base))
        else:
            self.log._append_columns(*columns, len(rows), stamp, base)

    def report(
        self, taken: List[Entry], stamp: int, base: Optional[int], error: Optional[KafkaError], reports: Reports
    ) -> None:
        """Has those told who want to know: of offsets from `base` on, or of an error."""
        numbers: Any = [number for number, item in enumerate(taken) if len(item) == 6 and type(item) is tuple and item[4]]
        if not numbers:
            return
        told: Any = taken if len(numbers) == len(taken) else [taken[number] for number in numbers]
        keys, values, _, times, callbacks, begun = zip(*told)
        kind = TIMESTAMP_CREATE_TIME if error is None else TIMESTAMP_NOT_AVAILABLE
        offsets: Iterable[Optional[int]] = repeat(None) if base is None else map(base.__add__, numbers)
        stamps: Iterable[int] = repeat(stamp) if error is None else repeat(-1)
        if error is None and any(times):
            stamps = [own or stamp for own in times]
        latencies = map(perf_counter().__sub__, begun)
        origin = repeat(Origin(self.topic, self.partition, kind))
        parts = zip(offsets, stamps, keys, values, repeat(None), origin, repeat(error), latencies)
        reports(len(numbers), zip(callbacks, repeat(error), map(Message, parts)))


def _own(row: Any, stamp: int) -> Tuple[bytes, int]:
    """Header fields and timestamp of a record."""
    return (row[2], row[3] or stamp) if len(row) > 2 else (b"", stamp)


def _size_of(item: Any) -> int:
    if type(item) is bytes:
        return len(item)
    return len(item[0] or b"") + len(item[1] or b"") + (len(item[2]) if len(item) > 2 else 0)
