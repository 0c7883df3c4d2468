"""Topics, by the names of `confluent_kafka.admin`: `AdminClient` and `NewTopic`.

>>> from ckafka.client.admin import AdminClient, NewTopic
>>> admin = AdminClient({"ckafka.path": path})
>>> for topic, future in admin.create_topics([NewTopic("orders", num_partitions=3)]).items():
...     print(topic, future.result())
orders None
>>> admin.list_topics().topics
{'orders': TopicMetadata(orders, 3 partitions)}
"""

from __future__ import annotations

from concurrent.futures import Future
from operator import index

from .. import errors
from ._directory import BrokerMetadata, Client, ClusterMetadata, PartitionMetadata, TopicMetadata
from ._error import KafkaError, KafkaException, failed, kafka_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    Futures = Dict[str, "Future[None]"]

__all__ = [
    "AdminClient", "BrokerMetadata", "ClusterMetadata", "KafkaError", "KafkaException", "NewTopic", "PartitionMetadata",
    "TopicMetadata",
]  # fmt: skip


class NewTopic:
    """A topic to be made: its name, partitions, and settings by Kafka's names. There is one replica of everything."""

    __slots__ = ("topic", "num_partitions", "replication_factor", "replica_assignment", "config")

    def __init__(
        self,
        topic: str,
        num_partitions: int = -1,
        replication_factor: int = -1,
        replica_assignment: Optional[List[List[int]]] = None,
        config: Optional[Dict[str, str]] = None,
    ) -> None:
        if not isinstance(topic, str):
            raise TypeError(f"topic must be str, not {type(topic).__name__}")
        self.topic, self.num_partitions = topic, index(num_partitions)
        self.replication_factor = index(replication_factor)
        self.replica_assignment, self.config = replica_assignment, config

    def __repr__(self) -> str:
        return f"NewTopic(topic={self.topic},num_partitions={self.num_partitions})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NewTopic):
            return NotImplemented
        return (self.topic, self.num_partitions) == (other.topic, other.num_partitions)

    def __hash__(self) -> int:
        return hash((self.topic, self.num_partitions))


class AdminClient(Client):
    """Makes and deletes topics. What it answers is done already: futures are those of confluent-kafka, and never wait."""

    _word = "AdminClient"

    def __init__(self, conf: Any, **others: Any) -> None:
        super().__init__(conf, others)

    def create_topics(self, new_topics: List[NewTopic], **options: Any) -> Futures:
        """Makes topics: a future for each name, of None or a `KafkaException`.

        `validate_only=True` looks whether it could be made, as far as name, partitions, settings and other topics go.
        """
        validate_only = bool(options.pop("validate_only", False))
        _check_options(options, "operation_timeout", "request_timeout")
        topics = list(new_topics)
        if not topics:
            raise ValueError("Expected non-empty list of NewTopic objects")
        for topic in topics:
            if not isinstance(topic, NewTopic):
                raise TypeError(f"expected list of NewTopic, not {type(topic).__name__}")
        self._alive()
        return {topic.topic: _done(lambda: self._create(topic, validate_only)) for topic in topics}

    def _create(self, topic: NewTopic, validate_only: bool) -> None:
        count = 1 if topic.num_partitions == -1 else topic.num_partitions
        if topic.replica_assignment is not None:
            count = len(topic.replica_assignment)
        if topic.replication_factor not in (-1, 1):
            text = f"Unable to replicate {topic.replication_factor} times: a directory holds one replica"
            raise failed("INVALID_REPLICATION_FACTOR", text)
        if not validate_only:
            self._env.create_topic(topic.topic, count, topic.config)
            return
        import tempfile

        from .._env import open as open_env

        if self._partition_count(topic.topic):
            raise failed("TOPIC_ALREADY_EXISTS", f"Topic '{topic.topic}' already exists.")
        with tempfile.TemporaryDirectory() as scratch, open_env(scratch, create=True, config=NOT_KEPT) as env:
            env.create_topic(topic.topic, min(count, 1), topic.config)

    def delete_topics(self, topics: List[str], **options: Any) -> Futures:
        """Deletes topics with their records: a future for each name, of None or a `KafkaException`."""
        _check_options(options, "operation_timeout", "request_timeout")
        if not isinstance(topics, list):
            raise TypeError(f"topics must be list, not {type(topics).__name__}")
        if not topics:
            raise ValueError("Expected non-empty list of topic strings")
        for topic in topics:
            if not isinstance(topic, str):
                raise TypeError(f"expected list of topic strings, not {type(topic).__name__}")
        self._alive()
        return {topic: _done(lambda: self._env.delete_topic(topic)) for topic in topics}

    def poll(self, timeout: float = -1) -> int:
        """There is nothing to wait for."""
        self._alive()
        return 0


NOT_KEPT = {"ckafka.filesystem.check": False}


def _check_options(options: Dict[str, Any], *known: str) -> None:
    for name in options:
        if name not in known:
            raise TypeError(f"'{name}' is an invalid keyword argument for this function")


def _done(call: Callable[[], None]) -> "Future[None]":
    """A future that has the outcome of a call."""
    future: "Future[None]" = Future()
    future.set_running_or_notify_cancel()
    try:
        call()
        future.set_result(None)
    except KafkaException as error:
        future.set_exception(error)
    except errors.Error as error:
        future.set_exception(KafkaException(kafka_error(error)))
    except ValueError as error:
        future.set_exception(failed("_INVALID_ARG", str(error)))
    return future
