"""The queue of one partition: records that wait to become a batch, and the call that appends them.

Appending to a list is atomic, and the list of a lane is always the same one: whoever has it in hand can add to it at any time,
from any thread. A batch is cut off its front.
"""

from __future__ import annotations

from threading import Lock
from time import perf_counter, time

from .. import errors
from ._error import KafkaError, kafka_error
from ._message import TIMESTAMP_CREATE_TIME, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, NamedTuple, Optional, Union

    from .._log import Log

    Report = Callable[[Optional[KafkaError], Any], object]

    class Entry(NamedTuple):
        """A record that is more than a value: with a key, headers, a time of its own, or somebody who wants to know."""

        key: Optional[bytes]
        value: Optional[bytes]
        fields: bytes
        timestamp: Optional[int]
        report: Optional[Report]
        begun: float
else:
    from collections import namedtuple

    Entry = namedtuple("Entry", "key value fields timestamp report begun")

RECORD_BYTES = 24
"""More than Kafka's format adds to a record."""


class Lane:
    """One partition's queue. `room` is what the batch still takes, `stamp` the time of its first record, 0 where there is none.

    Records of one batch that have no time of their own get that of the first: they were produced within `linger.ms` of it.
    """

    __slots__ = ("entries", "room", "stamp", "topic", "partition", "log", "lock", "durable", "only_errors", "is_gone")

    def __init__(self, topic: str, partition: int, log: "Log", durable: bool, only_errors: bool) -> None:
        self.entries: List[Union[bytes, Entry]] = []
        self.room, self.stamp = -1, 0
        self.topic, self.partition, self.log = topic, partition, log
        self.lock = Lock()
        self.durable, self.only_errors = durable, only_errors
        self.is_gone = False

    def begin(self, room: int) -> None:
        """Opens a batch, of which something is in the list already."""
        self.room = room - sum(map(_size_of, self.entries[:1]))
        self.stamp = int(time() * 1000)

    def take(self) -> "tuple[List[Union[bytes, Entry]], int]":
        """Cuts the batch off: its records, and their time."""
        stamp = self.stamp or int(time() * 1000)
        self.room, self.stamp = -1, 0
        taken = self.entries[:]
        del self.entries[: len(taken)]
        # What another thread began in between was taken, too.
        self.room, self.stamp = -1, 0
        return taken, stamp

    def append(self, taken: "List[Union[bytes, Entry]]", stamp: int, reports: Any) -> None:
        """Appends records, or halves of them where all are too much for the topic; `reports` gets what has to be told."""
        try:
            base = self._append(taken, stamp)
            if self.durable:
                self.log.wait_durable(base)
        except errors.MessageTooLarge as error:
            if len(taken) > 1:
                middle = len(taken) // 2
                self.append(taken[:middle], stamp, reports)
                self.append(taken[middle:], stamp, reports)
            else:
                self.report_failure(taken, stamp, kafka_error(error), reports)
        except errors.Error as error:
            self.is_gone = isinstance(error, errors.UnknownTopicOrPartition)
            self.report_failure(taken, stamp, kafka_error(error), reports)
        else:
            if not self.only_errors:
                self._report(taken, stamp, base, reports)

    def _append(self, taken: "List[Union[bytes, Entry]]", stamp: int) -> int:
        kinds = set(map(type, taken))
        if kinds == {bytes}:
            return self.log.append_values(taken, stamp)  # type: ignore[arg-type]
        rows: List[Any] = [Entry(None, item, b"", None, None, 0) if type(item) is bytes else item for item in taken]
        if any(row[2] or row[3] is not None for row in rows):
            from .._records import Rows

            packed = Rows([(row[1], row[0], row[2], stamp if row[3] is None else row[3]) for row in rows])
            return _append_packed_rows(self.log, packed)
        return self.log.append_many([row[:2] for row in rows], stamp)

    def _report(self, taken: "List[Union[bytes, Entry]]", stamp: int, base: int, reports: Any) -> None:
        origin: Any = None
        for offset, item in enumerate(taken, base):
            if type(item) is not bytes and item[4] is not None:
                origin = origin or Origin(self.topic, self.partition, TIMESTAMP_CREATE_TIME)
                at = stamp if item[3] is None else item[3]
                message = (offset, at, item[0], item[1], None, origin, None, perf_counter() - item[5])
                reports.append((item[4], None, message))

    def report_failure(self, taken: "List[Union[bytes, Entry]]", stamp: int, error: KafkaError, reports: Any) -> None:
        for item in taken:
            if type(item) is not bytes and item[4] is not None:
                reports.append((item[4], error, self.failed(item, stamp, error)))

    def failed(self, item: Any, stamp: int, error: KafkaError) -> Any:
        """The parts of a message that did not get anywhere."""
        origin = Origin(self.topic, self.partition, 0)
        return None, -1, item[0], item[1], None, origin, error, perf_counter() - item[5]


def _size_of(item: "Union[bytes, Entry]") -> int:
    if type(item) is bytes:
        return len(item)
    return len(item[0] or b"") + len(item[1] or b"") + len(item[2])


def _append_packed_rows(log: "Log", packed: Any) -> int:
    from ctypes import byref, c_int64

    from .._lib import lib

    base = c_int64()
    log._call(lib.ckafka_append, packed.address, packed.count, byref(base))
    return base.value
