"""`Producer`: records go into a queue for each partition, and from there into the log as batches.

A batch is appended when it is full, when `linger.ms` have passed since its first record, and by `flush`. A thread of the
producer keeps the time; it sleeps while nothing is queued. Reports of deliveries are served by `poll` and `flush`.
"""

from __future__ import annotations

import atexit
from collections import deque
from operator import index
from random import randrange
from threading import Event, Lock, Thread
from time import monotonic, perf_counter, sleep
from weakref import ref

from .. import errors
from .._log import Log
from .._records import header_fields
from ._directory import Client, open_clients
from ._error import KafkaError, KafkaException, failed, kafka_error, not_here
from ._given import data, encoded, seconds_of, time_of
from ._lane import RECORD_BYTES, Lane
from ._partition import Partitioner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Deque, Dict, Iterable, Iterator, List, NoReturn, Optional, Union

    from ._lane import Report
    from ._message import HeaderList

    Text = Union[str, bytes]

PARTITION_UA = -1
LIMIT_BYTES = 1048588 - 200
"""What a batch may have in a topic of Kafka's default size."""


class Producer(Client):
    """Appends records to topics, by the names of confluent-kafka.

    `linger.ms`, `batch.size`, `batch.num.messages`, `compression.type`, `partitioner`, `message.max.bytes`,
    `queue.buffering.max.messages`, `delivery.report.only.error` mean what they mean there. `acks=all`, if it is asked for, delivers
    what is on disk; otherwise delivered is what every process can read, and what survives the end of this one. A topic that is not there is
    made with one partition, as brokers do, unless `ckafka.auto.create.topics` is false.

    >>> from ckafka.client import Producer
    >>> producer = Producer({"bootstrap.servers": f"file://{path}", "linger.ms": 50})
    >>> for number in range(3):
    ...     producer.produce("orders", f"order {number}", key="customer 7")
    >>> producer.flush()
    0
    """

    _word = "Producer"

    def __init__(self, conf: Any = None, **others: Any) -> None:
        super().__init__(conf, others)
        settings = self._settings
        self._linger = settings["linger.ms"] / 1000
        self._value_max: int = settings["message.max.bytes"]
        self._queue_max: int = settings["queue.buffering.max.messages"] or 2147483647
        self._batch_bytes = min(settings["batch.size"], max(LIMIT_BYTES, self._value_max + RECORD_BYTES))
        # A record costs at least its share, so that a full batch is never of more records than it may be.
        self._cost = max(RECORD_BYTES, self._batch_bytes // (settings["batch.num.messages"] + 1) + 1)
        self._durable = settings["acks"] == -1
        self._on_delivery: Optional[Report] = settings.get("on_delivery")
        self._partitioner = Partitioner(settings["partitioner"])
        self._lanes: Dict[str, List[Lane]] = {}
        # Topics whose next record without a key goes to the end of a known lane, and nothing else is to be seen to.
        self._open_lanes: Dict[str, Lane] = {}
        # Where records without a key go until their batch is full.
        self._sticky: Dict[str, Lane] = {}
        self._lock = Lock()
        self._reports: Deque[Iterator[Any]] = deque()
        self._unserved = 0
        self._reported, self._wake = Event(), Event()
        self._thread: Optional[Thread] = None

    def _check_settings(self) -> None:
        if self._settings["transactional.id"]:
            raise not_here("transactional.id", "append without transactions; flush() makes a batch appear as a whole")

    def _env_config(self) -> Dict[str, Any]:
        codec = self._settings["compression.type"]
        return {} if codec in (None, "inherit") else {"compression.type": "uncompressed" if codec == "none" else codec}

    # Producing

    def produce(
        self,
        topic: str,
        value: Optional[Text] = None,
        key: Optional[Text] = None,
        partition: int = PARTITION_UA,
        callback: Optional[Report] = None,
        on_delivery: Optional[Report] = None,
        timestamp: int = 0,
        headers: "Optional[Union[HeaderList, Dict[str, Optional[Text]]]]" = None,
    ) -> None:
        """Queues a record. `callback` (or `on_delivery`) is called from `poll` or `flush` with an error or None, and the message.

        `value` and `key` are bytes, str or None; `headers` a dict or a list of pairs; `timestamp` milliseconds since 1970, 0 is now.

        `BufferError`: too many reports wait to be served. `KafkaException`: `_UNKNOWN_PARTITION`, `MSG_SIZE_TOO_LARGE`.

        >>> from ckafka.client import Producer
        >>> producer = Producer({"ckafka.path": path})
        >>> producer.produce("orders", b"value", headers={"trace": b"7"}, timestamp=1700000000000)
        >>> len(producer)
        1
        """
        # The quick way for a value, perhaps with a key or a callback. Anything else, also what is wrong, is looked at below.
        if type(value) is bytes and partition == -1 and headers is None and not timestamp and topic in self._open_lanes:
            lane = self._open_lanes[topic]
            size = len(value)
            if key is None:
                entry: Any = value
            elif type(key) is bytes:
                entry = key, value
                size += len(key)
                if lane.siblings:
                    lane = self._lane(topic, key, partition)
            else:
                entry, size = None, self._value_max + 1
            if callback is not None or on_delivery is not None:
                report = on_delivery or callback
                entry = key, value, b"", 0, report, perf_counter()
                if not callable(report) or self._unserved >= self._queue_max:
                    size = self._value_max + 1
            if size <= self._value_max:
                lane.entries.append(entry)
                lane.room = room = lane.room - size - self._cost
                if room < 0 or not lane.stamp:
                    self._turn(lane)
                return
        self._produce(topic, value, key, partition, on_delivery or callback or self._on_delivery, timestamp, headers)

    def _produce(
        self, topic: Any, value: Any, key: Any, partition: Any, report: Any, timestamp: Any, headers: Any
    ) -> None:
        if type(topic) is not str or topic not in self._lanes:
            self._open_topic(topic)
        if type(value) is not bytes and value is not None:
            value = data(value, "value")
        if type(key) is not bytes and key is not None:
            key = data(key, "key")
        size = len(value or b"") + len(key or b"")
        fields, time = b"", 0
        if headers is not None or timestamp:
            fields, time = header_fields(encoded(headers)), time_of(timestamp)
            size += len(fields)
        if size > self._value_max:
            raise failed("MSG_SIZE_TOO_LARGE", f"Unable to produce message: {size} bytes, message.max.bytes is {self._value_max}")
        lane = self._lane(topic, key, partition)
        entry: Any
        if report is not None:
            if not callable(report):
                raise TypeError("on_delivery requires a callable object")
            if self._unserved >= self._queue_max:
                raise BufferError("Local: Queue full: call poll() to have deliveries reported")
            entry = (key, value, fields, time, report, perf_counter())
        elif fields or time:
            entry = (key, value, fields, time, None, 0.0)
        else:
            entry = value if key is None and value is not None else (key, value)
        lane.entries.append(entry)
        lane.room = room = lane.room - size - self._cost
        if room < 0 or not lane.stamp:
            self._turn(lane)

    def _lane(self, topic: str, key: Optional[bytes], partition: Any) -> Lane:
        lanes = self._lanes[topic]
        if partition != PARTITION_UA:
            number = index(partition)
            if not 0 <= number < len(lanes):
                raise failed("_UNKNOWN_PARTITION", f"Unable to produce message: {topic} has no partition {number}")
            return lanes[number]
        if len(lanes) == 1:
            lane = lanes[0]
        elif self._partitioner.spread(key):
            lane = self._sticky.get(topic) or self._sticky.setdefault(topic, lanes[randrange(len(lanes))])
        else:
            lane = lanes[self._partitioner.place(key, len(lanes))]
        if (key is None or len(lanes) == 1) and self._on_delivery is None:
            self._open_lanes[topic] = lane
        return lane

    def _open_topic(self, topic: Any) -> None:
        self._alive()
        if type(topic) is not str:
            raise TypeError(f"argument 1 must be str, not {type(topic).__name__}")
        try:
            with self._lock:
                if topic not in self._lanes:
                    if self._settings["ckafka.auto.create.topics"]:
                        self._env.create_topic(topic, exist_ok=True)
                    count = self._partition_count(topic)
                    only_errors = self._settings["delivery.report.only.error"]
                    if not count:
                        raise failed("_UNKNOWN_TOPIC", f"Unable to produce message: there is no topic {topic}")
                    name = topic.encode()
                    logs = [Log(self._env, name, number, lazily=True) for number in range(count)]
                    self._lanes[topic] = [Lane(topic, log, count - 1, self._durable, only_errors) for log in logs]
        except errors.Error as error:
            raise KafkaException(kafka_error(error, "Unable to produce message")) from error
        except ValueError as error:
            raise failed("_INVALID_ARG", f"Unable to produce message: {error}") from None

    def _turn(self, lane: Lane) -> None:
        """A batch begins, or is full."""
        if not lane.stamp:
            lane.begin(self._batch_bytes - self._cost)
            if self._linger and lane.room >= 0:
                self._keep_time()
                return
        elif lane.room >= 0:
            return
        # The record that did not fit any more begins the next batch.
        self._append(lane, 1 if lane.room < 0 and len(lane.entries) > 1 else 0)

    def _append(self, lane: Lane, spare: int = 0) -> None:
        """Makes a batch of what is queued, but for the last `spare` records."""
        with lane.lock:
            if len(lane.entries) > spare:
                # Records without a key go on to another partition.
                self._sticky.pop(lane.topic, None)
                if len(self._lanes.get(lane.topic, ())) != 1:
                    self._open_lanes.pop(lane.topic, None)
                lane.append(spare, self._report)
                if lane.is_gone:
                    self._forget(lane.topic)
            if lane.entries and not lane.stamp:
                lane.begin(self._batch_bytes - self._cost)
                self._keep_time()

    def _report(self, count: int, reports: Iterable[Any]) -> None:
        with self._lock:
            self._unserved += count
        self._reports.append(iter(reports))
        self._reported.set()

    def _forget(self, topic: str) -> None:
        """Looks for the topic anew with its next record."""
        for known in (self._open_lanes, self._sticky, self._lanes):
            known.pop(topic, None)

    def _keep_time(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = Thread(target=_linger, args=(ref(self), self._wake, self._linger), daemon=True)
                    self._thread.name = "ckafka linger"
                    self._thread.start()
        self._wake.set()

    def _append_all(self) -> None:
        for lanes in list(self._lanes.values()):
            for lane in lanes:
                if lane.entries:
                    self._append(lane)

    # Serving and ending

    def poll(self, timeout: float = -1) -> int:
        """Serves reports of deliveries, waiting up to `timeout` seconds for one (below 0 for ever); how many it served.

        What a callback raises is raised here; the reports behind it are served by the next call.

        >>> from ckafka.client import Producer
        >>> producer = Producer({"ckafka.path": path})
        >>> producer.poll(0)
        0
        """
        if timeout == 0 and not self._reports and not self._gone and timeout is not False:
            return 0
        self._alive()
        deadline = monotonic() + seconds_of(timeout)
        while True:
            self._reported.clear()
            served = self._serve()
            left = deadline - monotonic()
            if served or left <= 0 or self._gone:
                return served
            self._reported.wait(left)

    def _serve(self) -> int:
        served = 0
        reports = self._reports
        try:
            while reports:
                batch = reports[0]
                for report, error, message in batch:
                    served += 1
                    report(error, message)
                # A callback may have served, too.
                if reports and reports[0] is batch:
                    reports.popleft()
        except IndexError:
            pass  # another thread was quicker
        finally:
            with self._lock:
                self._unserved -= served
        return served

    def flush(self, timeout: float = -1) -> int:
        """Appends everything that is queued and serves all reports; how many records are left, which is 0.

        >>> from ckafka.client import Producer
        >>> producer = Producer({"ckafka.path": path})
        >>> producer.produce("orders", b"value")
        >>> producer.flush()
        0
        """
        self._alive()
        seconds_of(timeout)
        self._append_all()
        # A batch that another thread is about to append counts, too.
        for lanes in list(self._lanes.values()):
            for lane in lanes:
                with lane.lock:
                    pass
        self._serve()
        return len(self)

    def purge(self, in_queue: bool = True, in_flight: bool = True, blocking: bool = True) -> None:
        """Drops what is queued; its reports tell `_PURGE_QUEUE`."""
        self._alive()
        if not in_queue:
            return
        error = KafkaError(KafkaError._PURGE_QUEUE)
        for lanes in list(self._lanes.values()):
            for lane in lanes:
                with lane.lock:
                    taken, stamp = lane.take(0)
                    lane.report(taken, stamp, None, error, self._report)

    def __len__(self) -> int:
        queued = sum(len(lane.entries) for lanes in list(self._lanes.values()) for lane in lanes)
        return queued + self._unserved

    def __bool__(self) -> bool:
        return True

    def close(self, timeout: float = -1) -> bool:
        """Appends what is queued, serves reports, and closes. Closing twice is no error.

        >>> from ckafka.client import Producer
        >>> Producer({"ckafka.path": path}).close()
        True
        """
        if not self._gone:
            try:
                self.flush(timeout)
            finally:
                self._end()
        return True

    def _end(self) -> None:
        self._gone = self._gone or "Producer has been closed"
        self._open_lanes, self._sticky, self._lanes = {}, {}, {}
        self._wake.set()
        self._reported.set()
        self._env.close()

    def __del__(self) -> None:
        if not getattr(self, "_gone", "never opened"):
            self._append_all()
            self._gone = "Producer has been closed"
            self._wake.set()

    def _forked(self) -> None:
        super()._forked()
        self._open_lanes, self._sticky, self._lanes = {}, {}, {}
        self._reports.clear()
        self._thread = None

    # Transactions

    def _no_transactions(self, *_: Any, **__: Any) -> "NoReturn":
        """Raises `_NOT_IMPLEMENTED`: transactions are read, not made, in this version."""
        raise not_here("making transactions", "a batch is appended as a whole or not at all")

    init_transactions = begin_transaction = commit_transaction = abort_transaction = _no_transactions
    send_offsets_to_transaction = _no_transactions


def _linger(producer: "ref[Producer]", wake: Event, seconds: float) -> None:
    """Appends batches whose time has come, until the producer is gone."""
    while True:
        wake.wait()
        wake.clear()
        alive = producer()
        if alive is None or alive._gone:
            return
        del alive
        sleep(seconds)
        alive = producer()
        if alive is None or alive._gone:
            return
        alive._append_all()
        del alive


@atexit.register
def _close_all() -> None:
    """Appends what a program left in its queues."""
    for client in open_clients():
        if isinstance(client, Producer):
            try:
                client._append_all()
            except Exception:
                pass
