"""`Consumer`: messages of partitions that were assigned by hand."""

from __future__ import annotations

import select
from operator import index
from time import monotonic, sleep

from .. import errors
from ._directory import Client
from ._error import KafkaException, failed, not_here
from ._fetcher import Fetcher
from ._message import OFFSET_END, OFFSET_INVALID, OFFSET_STORED, Message, TopicPartition, partition_of, partitions_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn, Optional, Tuple

    from .._env import Env

CONSUME_MAX = 1000000
NO_GROUPS = "consumer groups come later; assign([TopicPartition(...)]) takes partitions, and where you are is yours to keep"
IDLE_S = 0.005
"""How long to sleep between looks where there is nothing to wait on."""


class Consumer(Client):
    """Reads assigned partitions, by the names of confluent-kafka. One thread at a time may use it.

    `auto.offset.reset`, `isolation.level` (`read_committed` unless it is set), `enable.partition.eof` and
    `max.partition.fetch.bytes` mean what they mean there. `group.id` has to be there and says nothing; nothing is committed.

    >>> from ckafka.client import Consumer, Producer, TopicPartition
    >>> producer = Producer({"ckafka.path": path})
    >>> for word in ("a", "b", "c"):
    ...     producer.produce("words", word)
    >>> producer.flush()
    0
    >>> consumer = Consumer({"ckafka.path": path, "group.id": "any"})
    >>> consumer.assign([TopicPartition("words", 0, 1)])
    >>> [message.value() for message in consumer.consume(10, timeout=1.0)]
    [b'b', b'c']
    """

    _word = "Consumer"

    def __init__(self, conf: Any = None, **others: Any) -> None:
        super().__init__(conf, others)
        self._fetchers: Dict[Tuple[str, int], Fetcher] = {}
        self._order: List[Fetcher] = []
        self._watermarks: Dict[Tuple[str, int], Tuple[int, int]] = {}

    def _check_settings(self) -> None:
        if self._settings["group.id"] is None:
            raise ValueError("Failed to create consumer: group.id must be set")

    def _open(self, path: str) -> "Env":
        from .._env import open as open_env

        try:
            return super()._open(path)
        except KafkaException as refused:
            # A directory that may not be written can still be read.
            if not isinstance(refused.__cause__, (errors.ReadOnly, errors.IoError)):
                raise
            try:
                return open_env(path, readonly=True)
            except errors.Error:
                raise refused from refused.__cause__

    # Partitions

    def assign(self, partitions: List[TopicPartition]) -> None:
        """Takes partitions, in place of those it had. One without an offset starts where `auto.offset.reset` says."""
        self._alive()
        self._take({}, partitions_of(partitions))

    def incremental_assign(self, partitions: List[TopicPartition]) -> None:
        """Takes more partitions."""
        self._alive()
        self._take(dict(self._fetchers), partitions_of(partitions))

    def _take(self, kept: "Dict[Tuple[str, int], Fetcher]", partitions: List[TopicPartition]) -> None:
        for entry in partitions:
            if entry.offset == OFFSET_STORED:
                raise not_here("OFFSET_STORED", NO_GROUPS)
            if entry.offset < 0 and entry.offset not in (-2, OFFSET_END, OFFSET_INVALID):
                raise failed("_INVALID_ARG", f"{entry.topic}-{entry.partition}: {entry.offset} is no offset")
            if entry.partition < 0:
                raise failed("_INVALID_ARG", f"{entry.topic}: {entry.partition} is no partition")
        for entry in partitions:
            if (entry.topic, entry.partition) in kept:
                raise failed("_CONFLICT", f"{entry.topic}-{entry.partition} is assigned twice")
            fetcher = Fetcher(self._env, entry.topic, entry.partition, entry.offset, self._settings)
            kept[entry.topic, entry.partition] = fetcher
        for key, fetcher in self._fetchers.items():
            if kept.get(key) is not fetcher:
                fetcher.close()
        self._fetchers, self._order = kept, list(kept.values())

    def unassign(self) -> None:
        """Gives all partitions back."""
        self._alive()
        self._take({}, [])

    def incremental_unassign(self, partitions: List[TopicPartition]) -> None:
        """Gives some partitions back."""
        self._alive()
        for entry in partitions_of(partitions):
            fetcher = self._fetchers.pop((entry.topic, entry.partition), None)
            if fetcher is not None:
                fetcher.close()
        self._order = list(self._fetchers.values())

    def assignment(self) -> List[TopicPartition]:
        """The partitions it has."""
        self._alive()
        return [TopicPartition(topic, partition, OFFSET_INVALID) for topic, partition in self._fetchers]

    def pause(self, partitions: List[TopicPartition]) -> None:
        """Gives no more messages of some partitions, until `resume`."""
        self._set_paused(partitions, True)

    def resume(self, partitions: List[TopicPartition]) -> None:
        """Gives messages of them again."""
        self._set_paused(partitions, False)

    def _set_paused(self, partitions: List[TopicPartition], paused: bool) -> None:
        self._alive()
        for entry in partitions_of(partitions):
            fetcher = self._fetchers.get((entry.topic, entry.partition))
            if fetcher is not None:
                fetcher.paused = paused

    # Messages

    def poll(self, timeout: Optional[float] = None) -> Optional[Message]:
        """The next message, or None where none came within `timeout` seconds (None or below 0: for ever).

        Look at its `error()`: an event is a message, too. Ctrl-C ends the wait at once.

        >>> from ckafka.client import Consumer, TopicPartition
        >>> consumer = Consumer({"ckafka.path": path, "group.id": "any"})
        >>> consumer.assign([TopicPartition("nothing", 0)])
        >>> consumer.poll(0) is None
        True
        """
        self._alive()
        found = self._next(1, _seconds(timeout))
        return found[0] if found else None

    def consume(self, num_messages: int = 1, timeout: Optional[float] = -1) -> List[Message]:
        """Up to `num_messages` messages: those that are there, or come within `timeout` seconds (None or below 0: for ever).

        >>> from ckafka.client import Consumer, TopicPartition
        >>> consumer = Consumer({"ckafka.path": path, "group.id": "any"})
        >>> consumer.assign([TopicPartition("nothing", 0)])
        >>> consumer.consume(100, timeout=0)
        []
        """
        self._alive()
        count = index(num_messages)
        if not 0 <= count <= CONSUME_MAX:
            raise ValueError("num_messages must be between 0 and 1000000 (1M)")
        wait = _seconds(timeout)
        if not count:
            return []
        deadline = None if wait is None else monotonic() + wait
        messages = self._next(count, wait)
        while messages and len(messages) < count:
            left = 0.0 if deadline is None else max(0.0, deadline - monotonic())
            if deadline is None:
                more = self._next(count - len(messages), None)
            else:
                more = self._next(count - len(messages), left)
            if not more:
                break
            messages += more
        return messages

    def _next(self, most: int, seconds: Optional[float]) -> List[Message]:
        """Messages of one partition, of each in turn."""
        deadline = None if seconds is None else monotonic() + seconds
        while True:
            active = [fetcher for fetcher in self._order if not fetcher.paused]
            alone = len(active) == 1 and active[0].reader is not None
            for fetcher in active:
                left = None if deadline is None else max(0.0, deadline - monotonic())
                try:
                    found = fetcher.take(most, left if alone and not self._settings["enable.partition.eof"] else 0.0)
                except errors.Closed:
                    self._alive()  # another thread closed the consumer
                    raise
                if found:
                    if len(active) > 1:
                        self._order.remove(fetcher)
                        self._order.append(fetcher)
                    return found
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                return []
            self._alive()
            self._wait(active, left)

    def _wait(self, active: List[Fetcher], seconds: Optional[float]) -> None:
        """Until there is something to fetch; a topic that is not there yet is looked for every few milliseconds."""
        readers = [fetcher.reader for fetcher in active if fetcher.reader is not None]
        poller = select.poll()
        try:
            for reader in readers:
                poller.register(reader.fileno(), select.POLLIN)
        except errors.IoError:
            readers = []  # out of inotify instances
        if not readers or len(readers) < len(active):
            sleep(IDLE_S if seconds is None else min(IDLE_S, seconds))
        else:
            poller.poll(None if seconds is None else max(1, int(seconds * 1000)))

    # Places

    def seek(self, partition: TopicPartition) -> None:
        """The next message of a partition is the one at `partition.offset`; also OFFSET_BEGINNING and OFFSET_END."""
        self._alive()
        entry = partition_of(partition)
        fetcher = self._fetchers.get((entry.topic, entry.partition))
        if fetcher is None:
            raise failed("_UNKNOWN_PARTITION", f"Failed to seek to offset {entry.offset}: {entry.topic}-{entry.partition} is not assigned")
        if entry.offset == OFFSET_STORED:
            raise not_here("OFFSET_STORED", NO_GROUPS)
        if entry.offset < 0 and entry.offset not in (-2, OFFSET_END):
            raise failed("_INVALID_ARG", f"Failed to seek to offset {entry.offset}: it is none")
        fetcher.seek(entry.offset)
        fetcher.paused = False

    def position(self, partitions: List[TopicPartition]) -> List[TopicPartition]:
        """Where the program is: one behind the last message it got of each partition, or OFFSET_INVALID."""
        self._alive()
        found = []
        for entry in partitions_of(partitions):
            fetcher = self._fetchers.get((entry.topic, entry.partition))
            offset = OFFSET_INVALID if fetcher is None else fetcher.position
            found.append(TopicPartition(entry.topic, entry.partition, offset))
        return found

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: Optional[float] = None, cached: bool = False
    ) -> Tuple[int, int]:
        """The first offset of a partition, and the one behind its last record; `cached`: as they were asked for last."""
        self._alive()
        entry = partition_of(partition)
        key = entry.topic, entry.partition
        if cached:
            return self._watermarks.get(key, (OFFSET_INVALID, OFFSET_INVALID))
        try:
            marks = self._env.watermarks(entry.topic, entry.partition)
        except errors.Error as error:
            raise self._reraise(error, "Failed to get watermark offsets") from error
        except ValueError as error:
            raise failed("_INVALID_ARG", f"Failed to get watermark offsets: {error}") from None
        self._watermarks[key] = marks.low, marks.end
        return self._watermarks[key]

    def offsets_for_times(self, partitions: List[TopicPartition], timeout: Optional[float] = None) -> List[TopicPartition]:
        """For each partition the offset of the first record at or after the time that its `offset` holds, exactly; -1 where there
        is none. Milliseconds since 1970; OFFSET_BEGINNING and OFFSET_END are answered with those offsets."""
        self._alive()
        found = []
        for entry in partitions_of(partitions):
            if entry.offset < -2:
                raise failed("_INVALID_ARG", f"Failed to get offsets: {entry.offset} is no time")
            try:
                if entry.offset < 0:
                    offset = self.get_watermark_offsets(entry)[0 if entry.offset == -2 else 1]
                else:
                    with self._env.log(entry.topic, entry.partition) as log:
                        offset = _offset_for_time(log, entry.offset)
            except errors.Error as error:
                raise self._reraise(error, "Failed to get offsets") from error
            found.append(TopicPartition(entry.topic, entry.partition, offset))
        return found

    def committed(self, partitions: List[TopicPartition], timeout: Optional[float] = None) -> List[TopicPartition]:
        """Nothing is committed: OFFSET_INVALID for each."""
        self._alive()
        return [TopicPartition(entry.topic, entry.partition) for entry in partitions_of(partitions)]

    def memberid(self) -> Optional[str]:
        """None: it is member of no group."""
        self._alive()
        return None

    def unsubscribe(self) -> None:
        """As `unassign`."""
        self.unassign()

    def close(self) -> None:
        """Closes readers and directory; messages stay as they are. Closing twice is no error."""
        if not self._gone:
            # First, so that a thread whose reader goes finds out why.
            self._gone = f"{self._word} closed"
            for fetcher in self._order:
                fetcher.close()
            self._fetchers, self._order = {}, []
            super().close()

    # Groups

    def subscribe(self, topics: Any, *_: Any, **__: Any) -> "NoReturn":
        """Raises `_NOT_IMPLEMENTED`: there are no groups in this version."""
        self._alive()
        if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
            raise TypeError("expected list of topic unicode strings")
        raise not_here("subscribe", NO_GROUPS)

    def commit(self, *_: Any, **__: Any) -> "NoReturn":
        """Raises `_NOT_IMPLEMENTED`: there are no groups in this version."""
        self._alive()
        raise not_here("commit", NO_GROUPS)

    def store_offsets(self, *_: Any, **__: Any) -> "NoReturn":
        """Raises `_NOT_IMPLEMENTED`: there are no groups in this version."""
        self._alive()
        raise not_here("store_offsets", NO_GROUPS)

    def consumer_group_metadata(self) -> "NoReturn":
        """Raises `_NOT_IMPLEMENTED`: there are no groups in this version."""
        self._alive()
        raise not_here("consumer_group_metadata", NO_GROUPS)


def _offset_for_time(log: Any, milliseconds: int) -> int:
    from ctypes import byref, c_int64

    from .._lib import lib

    offset, time = c_int64(), c_int64()
    log._call(lib.ckafka_offset_for_time, milliseconds, byref(offset), byref(time))
    return offset.value


def _seconds(timeout: Any) -> Optional[float]:
    """A timeout; None and below 0 are for ever."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be real number, not {type(timeout).__name__}")
    return None if timeout < 0 else min(float(timeout), 2147483.0)
