"""libckafka for Python: Kafka's log as a library, one directory, no server.

The log face: `open` a directory, `create_topic`, `append`, `read`, `follow`. `ckafka.aio` has the same for asyncio,
`ckafka.client` the names of confluent-kafka.

>>> import ckafka
>>> with ckafka.open(path, create=True) as env:
...     env.create_topic("readings")
...     log = env.log("readings")
...     offset = log.append_durable(b"21.5", key=b"sensor-7")
...     [record.value for record in log.read()]
[b'21.5']
"""

from __future__ import annotations

from . import errors
from ._api import CONSTANTS
from ._batch import Batch, Record, decode
from ._env import Env, Topic, Watermarks, open
from ._lib import lib as _lib
from ._log import Log
from ._reader import Reader
from .errors import (
    Again,
    BufferTooSmall,
    Busy,
    Closed,
    Corrupt,
    DiskFull,
    Error,
    Forked,
    Interrupted,
    InvalidArgument,
    InvalidBatch,
    InvalidConfig,
    InvalidPartitions,
    InvalidRecord,
    InvalidTimestamp,
    InvalidTopic,
    IoError,
    LibraryNotFound,
    LibraryVersionMismatch,
    Locked,
    MessageTooLarge,
    OffsetOutOfRange,
    OutOfMemory,
    Panic,
    PeerClosed,
    ReadOnly,
    RecordListTooLarge,
    Timeout,
    TopicAlreadyExists,
    UnknownTopicOrPartition,
    UnsupportedCompression,
    UnsupportedFilesystem,
    UnsupportedMessageFormat,
    VersionConflict,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._sender import Sender
    from .aio import aopen

__version__ = "0.1.0"

CAP_ZERO_COPY_READ = CONSTANTS["CKAFKA_CAP_ZERO_COPY_READ"]
CAP_ZERO_COPY_SEND = CONSTANTS["CKAFKA_CAP_ZERO_COPY_SEND"]
CAP_DURABLE_WAIT = CONSTANTS["CKAFKA_CAP_DURABLE_WAIT"]
CAP_WRITE = CONSTANTS["CKAFKA_CAP_WRITE"]
CAP_SHARED_WRITE = CONSTANTS["CKAFKA_CAP_SHARED_WRITE"]

__all__ = [
    "Again",
    "Batch",
    "BufferTooSmall",
    "Busy",
    "CAP_DURABLE_WAIT",
    "CAP_SHARED_WRITE",
    "CAP_WRITE",
    "CAP_ZERO_COPY_READ",
    "CAP_ZERO_COPY_SEND",
    "Closed",
    "Corrupt",
    "DiskFull",
    "Env",
    "Error",
    "Forked",
    "Interrupted",
    "InvalidArgument",
    "InvalidBatch",
    "InvalidConfig",
    "InvalidPartitions",
    "InvalidRecord",
    "InvalidTimestamp",
    "InvalidTopic",
    "IoError",
    "LibraryNotFound",
    "LibraryVersionMismatch",
    "Locked",
    "Log",
    "MessageTooLarge",
    "OffsetOutOfRange",
    "OutOfMemory",
    "Panic",
    "PeerClosed",
    "ReadOnly",
    "Reader",
    "Record",
    "RecordListTooLarge",
    "Sender",
    "Timeout",
    "Topic",
    "TopicAlreadyExists",
    "UnknownTopicOrPartition",
    "UnsupportedCompression",
    "UnsupportedFilesystem",
    "UnsupportedMessageFormat",
    "VersionConflict",
    "Watermarks",
    "aopen",
    "decode",
    "errors",
    "library_path",
    "library_version",
    "open",
    "partition_for_key",
    "pin_thread",
]


def library_version() -> str:
    """Version of the loaded library.

    >>> ckafka.library_version()
    '0.1.0'
    """
    return str(_lib.ckafka_version_str().decode())


def library_path() -> str:
    """What the loaded library was found as."""
    return str(_lib.path)


def partition_for_key(key: bytes, partitions: int) -> int:
    """The partition that Kafka's Java client picks for a key.

    >>> ckafka.partition_for_key(b"sensor-7", 4)
    0
    """
    from . import _arguments

    given = _arguments.data(key, "key")
    if given is None:
        raise TypeError("key must be bytes, not None")
    found = int(_lib.ckafka_partition_for_key(given, len(given), _arguments.whole(partitions, "partitions", 1, 2**31 - 1)))
    if found < 0:
        errors.raise_for(found)
    return found


def pin_thread(core: int) -> None:
    """Binds the calling thread to one core, counted from 0. `InvalidArgument` names those that there are."""
    from . import _arguments

    errors.check(_lib.ckafka_pin_thread(_arguments.whole(core, "core", 0, 2**31 - 1)))


def __getattr__(name: str) -> Any:
    if name == "aopen":
        from .aio import aopen

        return aopen
    if name == "Sender":
        from ._sender import Sender

        return Sender
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
