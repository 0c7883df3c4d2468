"""What a consumer holds of one assigned partition: a reader, the messages of its last fetch, and where the program is."""

from __future__ import annotations

from ctypes import byref, c_size_t, c_void_p, string_at, sizeof
from itertools import islice, repeat
from struct import unpack, unpack_from
from time import monotonic

from .. import errors
from .._api import CONSTANTS, RecordOut
from .._batch import Batch
from .._lib import lib
from ._error import KafkaError, kafka_error
from ._message import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_INVALID,
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Message,
    Origin,
    event,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional

    from .._env import Env
    from .._reader import Reader

ROW_BYTES = sizeof(RecordOut)
FLAGS_AT = RecordOut.flags.offset
LOG_APPEND_TIME = CONSTANTS["CKAFKA_REC_LOG_APPEND_TIME"]
LOG_APPEND_TIME_BIT = 8
HEADERS_READ = 64
PLAIN_FLAGS = bytes(number for number in range(256) if not number & LOG_APPEND_TIME)


class Fetcher:
    """One assigned partition. It opens its reader when it is first asked for messages, and again after a seek."""

    def __init__(self, env: "Env", topic: str, partition: int, offset: int, settings: "Dict[str, Any]") -> None:
        self.topic, self.partition, self.start = topic, partition, offset
        self.position = OFFSET_INVALID
        self.paused = False
        self._env, self._settings = env, settings
        self.reader: Optional["Reader"] = None
        self._messages: Iterator[Message] = iter(())
        self._events: List[Message] = []
        self._told_end = -1
        self._missing_since: Optional[float] = None
        self._told_missing = False

    def seek(self, offset: int) -> None:
        """The next message is that of `offset`."""
        self.start = offset
        self._messages, self._events = iter(()), []
        self._told_end = -1
        self.close()

    def close(self) -> None:
        """Lets the reader go."""
        reader, self.reader = self.reader, None
        if reader is not None:
            reader.close()

    def take(self, most: int, seconds: Optional[float]) -> "List[Message]":
        """Up to `most` messages: those that are there, or else of the next fetch, which waits for as long as that. Where there is
        none it is empty; an event is a message, too."""
        messages = list(islice(self._messages, most))
        if not messages:
            messages = self._fetch(most, seconds)
        if messages and tuple.__len__(messages[-1]) == 6:
            self.position = messages[-1][0] + 1
        return messages

    def _fetch(self, most: int, seconds: "Optional[float]") -> "List[Message]":
        if not self._events:
            try:
                if self.reader is None and not self._open():
                    return self._pop_event()
                reader = self.reader
                batch = reader.fetch(self._settings["fetch.message.max.bytes"], seconds)  # type: ignore[union-attr]
                if batch:
                    self._messages = messages_of(batch, self.topic, self.partition)
                    return list(islice(self._messages, most))
                self._at_end()
            except errors.OffsetOutOfRange as error:
                self._reset(error.message)
            except errors.UnknownTopicOrPartition:
                self.seek(self.position if self.position >= 0 else self.start)
            except errors.Interrupted:
                pass
            except (errors.Closed, errors.Forked):
                raise
            except errors.Error as error:
                self._tell(kafka_error(error), self.position)
        return self._pop_event()

    def _pop_event(self) -> "List[Message]":
        return [self._events.pop(0)] if self._events else []

    def _tell(self, error: KafkaError, offset: int) -> None:
        self._events.append(event(error, self.topic, self.partition, offset))

    def _at_end(self) -> None:
        """Tells once of each end that was reached, if that is asked for."""
        if self._settings["enable.partition.eof"] and self.reader is not None:
            end = self.reader.position
            if end != self._told_end:
                self._told_end = end
                self._tell(KafkaError(KafkaError._PARTITION_EOF, f"reached the end of the partition at offset {end}"), end)

    def _open(self) -> bool:
        """Opens the reader where it has to start; False if the topic is not there, or nobody says where to start."""
        start = self.start
        if start == OFFSET_INVALID:
            self._reset("nothing is committed here")
            if self.start == OFFSET_INVALID:
                return False
            start = self.start
        try:
            log = self._env.log(self.topic, self.partition)
        except errors.UnknownTopicOrPartition as error:
            self._wait_for_topic(error)
            return False
        self._missing_since, self._told_missing = None, False
        config = {
            "isolation_level": self._settings["isolation.level"],
            "check_crcs": True,
        }
        words = {OFFSET_BEGINNING: "earliest", OFFSET_END: "latest"}
        self.reader = log.reader(words.get(start, start), **config)
        return True

    def _wait_for_topic(self, error: errors.Error) -> None:
        """A topic may be made later; it is told of once it has been missing for a while."""
        now = monotonic()
        self._missing_since = self._missing_since or now
        if now - self._missing_since >= self._settings["topic.metadata.propagation.max.ms"] / 1000 and not self._told_missing:
            self._told_missing = True
            self._tell(kafka_error(error), OFFSET_INVALID)

    def _reset(self, why: str) -> None:
        """Where to go on if there is no offset, or none that is there: `auto.offset.reset`."""
        policy = self._settings["auto.offset.reset"]
        if policy == "error":
            self._tell(KafkaError(KafkaError._AUTO_OFFSET_RESET, why), self.start)
            self.seek_quietly()
        else:
            self.seek(OFFSET_BEGINNING if policy in ("smallest", "earliest", "beginning") else OFFSET_END)

    def seek_quietly(self) -> None:
        """Stops until the program seeks: nobody says where to go on."""
        self.paused = True
        self.close()


def messages_of(batch: Batch, topic: str, partition: int) -> "Iterator[Message]":
    """The records of a batch as messages."""
    columns, count = batch._columns, batch._count
    offsets: Any = batch.offsets
    timestamps: Any = batch.timestamps
    # Making numbers costs; mostly they can be had for less.
    if offsets[-1] - offsets[0] == count - 1:
        offsets = range(offsets[0], offsets[-1] + 1)
    raw = timestamps.tobytes()
    timestamps = repeat(timestamps[0], count) if raw == raw[:8] * count else unpack(f"{count}q", raw)
    keys, values = batch.keys(), batch.values()
    sizes = string_at(columns.hdr_len, 4 * count)
    fields: Any = repeat(None)
    if sizes.strip(b"\0"):
        data = batch.data
        places = zip(unpack(f"{count}Q", string_at(columns.hdr_pos, 8 * count)), unpack(f"{count}i", sizes))
        fields = (bytes(data[at : at + size]) if size > 0 else None for at, size in places)
    return map(Message, zip(offsets, timestamps, keys, values, fields, repeat(_origin(batch, topic, partition, offsets))))


def _origin(batch: Batch, topic: str, partition: int, offsets: Any) -> Origin:
    """Topic and partition, and of which kind the timestamps are: nearly always one kind for all."""
    if _has_plain_times(batch.raw):
        return Origin(topic, partition, TIMESTAMP_CREATE_TIME)
    pin, rows, count = batch._alive(), c_void_p(), c_size_t()
    errors.check(lib.ckafka_view_records(pin, byref(rows), byref(count)))
    flags = string_at(rows.value or 0, ROW_BYTES * count.value)[FLAGS_AT::ROW_BYTES]
    if not flags.strip(PLAIN_FLAGS):
        return Origin(topic, partition, TIMESTAMP_CREATE_TIME)
    kinds = [TIMESTAMP_LOG_APPEND_TIME if flag & LOG_APPEND_TIME else TIMESTAMP_CREATE_TIME for flag in flags]
    return Origin(topic, partition, TIMESTAMP_CREATE_TIME, dict(zip(offsets, kinds)))


def _has_plain_times(raw: memoryview) -> bool:
    """Whether all batches say that the producer set the times; False also where there are too many to look at each."""
    at = 0
    for _ in range(HEADERS_READ):
        if at >= len(raw):
            return True
        size, attributes = unpack_from(">8xi9xh", raw, at)
        if attributes & LOG_APPEND_TIME_BIT:
            return False
        at += 12 + size
    return False
