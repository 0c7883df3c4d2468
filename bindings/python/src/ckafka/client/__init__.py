"""Producers, consumers and topics by the names of confluent-kafka: a program that was written for it changes its import, and
its `bootstrap.servers` to `file:///path` (or sets `ckafka.path`), and runs on a directory.

There are no consumer groups in this version: `group.id` and `enable.auto.commit` are accepted, and nothing is committed;
`subscribe`, `commit`, `store_offsets` and OFFSET_STORED raise and say so. Partitions are assigned by hand.

>>> from ckafka.client import Consumer, Producer, TopicPartition
>>> producer = Producer({"bootstrap.servers": f"file://{path}"})
>>> producer.produce("orders", b"two shirts", key=b"customer 7")
>>> producer.flush()
0
>>> consumer = Consumer({"bootstrap.servers": f"file://{path}", "group.id": "any", "auto.offset.reset": "earliest"})
>>> consumer.assign([TopicPartition("orders", 0)])
>>> message = consumer.poll(1.0)
>>> message.key(), message.value(), message.offset()
(b'customer 7', b'two shirts', 0)
"""

from __future__ import annotations

from ._consumer import Consumer
from ._error import KafkaError, KafkaException
from ._message import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_INVALID,
    OFFSET_STORED,
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    TIMESTAMP_NOT_AVAILABLE,
    Message,
    TopicPartition,
)
from ._producer import Producer

__all__ = [
    "Consumer",
    "KafkaError",
    "KafkaException",
    "Message",
    "OFFSET_BEGINNING",
    "OFFSET_END",
    "OFFSET_INVALID",
    "OFFSET_STORED",
    "Producer",
    "TIMESTAMP_CREATE_TIME",
    "TIMESTAMP_LOG_APPEND_TIME",
    "TIMESTAMP_NOT_AVAILABLE",
    "TopicPartition",
    "libversion",
    "version",
]


def version() -> str:
    """Version of the package.

    >>> from ckafka import client
    >>> client.version()
    '0.1.0'
    """
    from .. import __version__

    return __version__


def libversion() -> "tuple[str, int]":
    """Version of the loaded library, as text and as a number of two hexadecimal digits for each part and the last."""
    from .. import library_version

    text = library_version()
    major, minor, patch = (int(part) for part in text.split(".")[:3])
    return text, (major << 24) | (minor << 16) | (patch << 8) | 0xFF
