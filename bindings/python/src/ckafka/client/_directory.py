"""What producers, consumers and admin clients share: the open directory, its topics as metadata, and forks."""

from __future__ import annotations

import os
import zlib
from weakref import WeakSet

from .. import errors
from .._env import Env
from .._env import open as open_env
from ._config import parse, path_of
from ._error import KafkaError, KafkaException, failed, kafka_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from typing_extensions import Self

BROKER_ID = 1
_clients: "WeakSet[Client]" = WeakSet()


class BrokerMetadata:
    """The directory, in the place of a broker."""

    def __init__(self, host: str) -> None:
        self.id, self.host, self.port = BROKER_ID, host, 0

    def __repr__(self) -> str:
        return f"BrokerMetadata({self.id}, {self.host})"


class PartitionMetadata:
    """A partition: `id`, `leader`, `replicas`, `isrs`, `error`."""

    def __init__(self, number: int) -> None:
        self.id, self.leader, self.replicas, self.isrs = number, BROKER_ID, [BROKER_ID], [BROKER_ID]
        self.error: Optional[KafkaError] = None

    def __repr__(self) -> str:
        return f"PartitionMetadata({self.id})"


class TopicMetadata:
    """A topic: `topic`, `partitions` by number, `error`."""

    def __init__(self, topic: str, count: int, error: Optional[KafkaError] = None) -> None:
        self.topic, self.error = topic, error
        self.partitions = {number: PartitionMetadata(number) for number in range(count)}

    def __repr__(self) -> str:
        error = f", {self.error}" if self.error else ""
        return f"TopicMetadata({self.topic}, {len(self.partitions)} partitions{error})"

    def __str__(self) -> str:
        return self.topic


class ClusterMetadata:
    """What `list_topics` answers: `topics` by name, `brokers` by number."""

    def __init__(self, path: str, topics: Dict[str, TopicMetadata]) -> None:
        # One directory is one cluster, whoever asks.
        self.cluster_id = f"ckafka-{zlib.crc32(os.path.realpath(path).encode('utf-8', 'surrogateescape')):08x}"
        self.controller_id = self.orig_broker_id = BROKER_ID
        self.orig_broker_name = f"file://{path}"
        self.brokers = {BROKER_ID: BrokerMetadata(path)}
        self.topics = topics

    def __repr__(self) -> str:
        return f"ClusterMetadata({self.cluster_id})"


class Client:
    """A configured client of one directory."""

    _word = "Client"

    def __init__(self, config: Any, others: Dict[str, Any]) -> None:
        self._gone = f"{self._word} was never opened"
        self._settings = parse(config, others)
        self._check_settings()
        self._env = self._open(path_of(self._settings))
        self._gone = ""
        _clients.add(self)

    def _check_settings(self) -> None:
        """Refuses what does not go together."""

    def _open(self, path: str) -> Env:
        try:
            return open_env(path, create=True, config=self._env_config())
        except errors.Error as error:
            raise KafkaException(kafka_error(error, f"Failed to open {path}")) from error

    def _env_config(self) -> Dict[str, Any]:
        return {}

    def _alive(self) -> None:
        if self._gone:
            raise RuntimeError(self._gone)

    def _forked(self) -> None:
        """In a child process: what is queued is the parent's, which will see to it."""
        self._gone = f"this {self._word} belongs to the parent of this process: make one after the fork"

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> Any:
        """Closes the directory."""
        self._gone = self._gone or f"{self._word} closed"
        self._env.close()

    def cluster_id(self, timeout: float = -1) -> str:
        """A name of the directory."""
        return self.list_topics().cluster_id

    def list_topics(self, topic: Optional[str] = None, timeout: float = -1) -> ClusterMetadata:
        """The topics of the directory, or one of them; that has an `error` where it is not there.

        >>> from ckafka.client import Producer
        >>> Producer({"ckafka.path": path}).list_topics().topics
        {}
        """
        self._alive()
        try:
            found = {entry.name: TopicMetadata(entry.name, entry.partitions) for entry in self._env.topics()}
        except errors.Error as error:
            raise KafkaException(kafka_error(error, "Failed to get metadata")) from error
        if topic is not None:
            if not isinstance(topic, str):
                raise TypeError(f"topic must be str, not {type(topic).__name__}")
            unknown = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
            found = {topic: found.get(topic) or TopicMetadata(topic, 0, unknown)}
        return ClusterMetadata(self._env.path, found)

    def _partition_count(self, topic: str) -> int:
        """How many partitions a topic has, 0 if it is not there."""
        return next((entry.partitions for entry in self._env.topics() if entry.name == topic), 0)

    def _reraise(self, error: errors.Error, what: str) -> KafkaException:
        """What to raise where a call of the library failed."""
        if isinstance(error, errors.UnknownTopicOrPartition):
            return failed("_UNKNOWN_PARTITION", f"{what}: Local: Unknown partition")
        return KafkaException(kafka_error(error, what))


def _after_fork() -> None:
    for client in list(_clients):
        client._forked()


def open_clients() -> "List[Client]":
    """Those that are not closed."""
    return [client for client in list(_clients) if not client._gone]


os.register_at_fork(after_in_child=_after_fork)
