"""`Message` and `TopicPartition`, as both clients hand them out."""

from __future__ import annotations

from operator import index

from .._batch import parse_headers
from ._error import KafkaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    HeaderList = List[Tuple[str, Optional[bytes]]]

OFFSET_BEGINNING = -2
OFFSET_END = -1
OFFSET_STORED = -1000
OFFSET_INVALID = -1001
TIMESTAMP_NOT_AVAILABLE = 0
TIMESTAMP_CREATE_TIME = 1
TIMESTAMP_LOG_APPEND_TIME = 2


class TopicPartition:
    """A partition, and perhaps an offset in it. Compared by topic and partition.

    >>> from ckafka.client import TopicPartition
    >>> TopicPartition("orders", 2, 40)
    TopicPartition{topic=orders,partition=2,offset=40,leader_epoch=None,error=None}
    """

    __slots__ = ("_topic", "_partition", "_offset", "_metadata", "_epoch", "_error")

    def __init__(
        self,
        topic: str,
        partition: int = -1,
        offset: int = OFFSET_INVALID,
        metadata: Optional[str] = None,
        leader_epoch: Optional[int] = None,
    ) -> None:
        if not isinstance(topic, str):
            raise TypeError(f"topic must be str, not {type(topic).__name__}")
        self._topic, self._partition, self._offset = topic, index(partition), index(offset)
        self._metadata, self._epoch = metadata, leader_epoch
        self._error: Optional[KafkaError] = None

    @property
    def topic(self) -> str:
        """Name of the topic."""
        return self._topic

    @property
    def partition(self) -> int:
        """Number of the partition."""
        return self._partition

    @property
    def offset(self) -> int:
        """An offset, or one of OFFSET_BEGINNING, OFFSET_END, OFFSET_INVALID."""
        return self._offset

    @offset.setter
    def offset(self, offset: int) -> None:
        self._offset = index(offset)

    @property
    def metadata(self) -> Optional[str]:
        """What came with a committed offset; nothing is committed here."""
        return self._metadata

    @property
    def leader_epoch(self) -> Optional[int]:
        """As it was given."""
        return self._epoch

    @property
    def error(self) -> Optional[KafkaError]:
        """What went wrong with this partition alone."""
        return self._error

    def _key(self) -> Tuple[str, int]:
        return self._topic, self._partition

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, TopicPartition) else NotImplemented

    def __lt__(self, other: "TopicPartition") -> bool:
        return self._key() < other._key() if isinstance(other, TopicPartition) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return (
            f"TopicPartition{{topic={self._topic},partition={self._partition},offset={self._offset},"
            f"leader_epoch={self._epoch},error={self._error}}}"
        )


class Origin:
    """What messages that were read together have in common."""

    __slots__ = ("topic", "partition", "kind", "kinds")

    def __init__(self, topic: str, partition: int, kind: int, kinds: Any = None) -> None:
        self.topic, self.partition, self.kind, self.kinds = topic, partition, kind, kinds


class Message(tuple):  # type: ignore[type-arg]
    """A record that was consumed, or produced and reported; or an event with an `error()`.

    Its length is that of its value, as confluent-kafka has it: ask `message is None`, not `not message`.

    >>> from ckafka.client import Producer
    >>> producer = Producer({"ckafka.path": path})
    >>> producer.produce("orders", b"v", b"k", on_delivery=lambda error, message: print(error, message.offset(), message.key()))
    >>> producer.flush()
    None 0 b'k'
    0
    """

    # One tuple a record: offset, timestamp, key, value, header fields, Origin, and of those that are not just read, error
    # and latency behind it. Making one is what consuming costs most.

    def topic(self) -> Optional[str]:
        """Name of the topic."""
        return self[5].topic  # type: ignore[no-any-return]

    def partition(self) -> Optional[int]:
        """Number of the partition; None where it never got one."""
        return self[5].partition  # type: ignore[no-any-return]

    def offset(self) -> Optional[int]:
        """Offset in the partition; None where it never got one."""
        return self[0]  # type: ignore[no-any-return]

    def key(self) -> Optional[bytes]:
        """The key, or None."""
        return self[2]  # type: ignore[no-any-return]

    def value(self) -> Optional[bytes]:
        """The value, or None; of an event its text."""
        return self[3]  # type: ignore[no-any-return]

    def timestamp(self) -> Tuple[int, int]:
        """What kind of time, TIMESTAMP_CREATE_TIME or TIMESTAMP_LOG_APPEND_TIME, and milliseconds since 1970."""
        origin = self[5]
        return (origin.kind if origin.kinds is None else origin.kinds.get(self[0], origin.kind)), self[1]

    def headers(self) -> Optional[HeaderList]:
        """Headers in their order, or None where there are none."""
        return parse_headers(self[4]) if self[4] else None

    def error(self) -> Optional[KafkaError]:
        """None of a record; of an event, what happened."""
        return self[6] if tuple.__len__(self) > 6 else None

    def latency(self) -> Optional[float]:
        """Seconds from produce to the report of a delivery."""
        return self[7] if tuple.__len__(self) > 7 else None

    def leader_epoch(self) -> Optional[int]:
        """Not told."""
        return None

    def set_key(self, key: Any) -> None:
        """Puts another key in its place, for deserializers."""
        self._change("key", key)

    def set_value(self, value: Any) -> None:
        """Puts another value in its place, for deserializers."""
        self._change("value", value)

    def set_headers(self, headers: Any) -> None:
        """Puts other headers in their place."""
        self._change("headers", headers)

    def set_topic(self, topic: str) -> None:
        """Puts another topic in its place."""
        self._change("topic", topic)

    def set_error(self, error: Optional[KafkaError]) -> None:
        """Puts another error in its place."""
        self._change("error", error)

    def _change(self, name: str, value: Any) -> None:
        self.__class__ = _ChangedMessage  # pyright: ignore[reportAttributeAccessIssue]  (it has the same layout)
        vars(self)[name] = lambda: value

    def __len__(self) -> int:
        return len(self.value() or b"")

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<ckafka.client.Message {self.topic()}-{self.partition()} offset {self.offset()} error {self.error()}>"


class _ChangedMessage(Message):
    """One whose parts were set: they lie in its own dictionary, before those of the class."""


def event(error: KafkaError, topic: Optional[str], partition: Optional[int], offset: Optional[int]) -> Message:
    """A message that only tells of an error."""
    origin = Origin(topic, partition, TIMESTAMP_NOT_AVAILABLE)  # type: ignore[arg-type]
    made = Message((offset, -1, None, error.str().encode(), None, origin, error))
    return made


def partitions_of(given: Any, name: str = "partitions") -> List[TopicPartition]:
    """A list of TopicPartition, or a TypeError."""
    if not isinstance(given, list):
        raise TypeError(f"{name} requires list of TopicPartition, not {type(given).__name__}")
    for item in given:
        partition_of(item)
    return given


def partition_of(given: Any) -> TopicPartition:
    """A TopicPartition, or a TypeError."""
    if not isinstance(given, TopicPartition):
        raise TypeError(f"expected TopicPartition, not {type(given).__name__}")
    return given
