"""Exceptions: one for each thing that can go wrong, which say what failed, where, and what to do about it.

All come from `Error`. Where Python has an exception of the same meaning (`TimeoutError`, `OSError`, `ValueError`), ours
is that one, too. `code` is the C interface's number, `symbol` its name.
"""

from __future__ import annotations

import errno
from ._api import CONSTANTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, NoReturn, Optional, Type


class LibraryNotFound(ImportError):
    """The shared library could not be loaded; the text lists every place that was tried, and why it was not it."""


class LibraryVersionMismatch(LibraryNotFound):
    """A library was found whose interface is not the one that this package was made for."""


class Error(Exception):
    """What all errors of the library have in common."""

    code: int = 0
    """Number of the error in the C interface: positive ones are Kafka's."""
    advice: str = ""
    """What can be done about it."""
    offset: Optional[int] = None
    """Where records were appended all the same (`append_durable` that timed out): their first offset."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    @property
    def symbol(self) -> str:
        """Name of the code, for example `CKAFKA_ERR__DISK_FULL`."""
        return _SYMBOLS.get(self.code, str(self.code))

    def __str__(self) -> str:
        return f"{self.message} [{self.advice}]" if self.advice else self.message

    def __reduce__(self) -> Any:
        return _restored, (type(self), self.message, self.code, self.offset)


class OffsetOutOfRange(Error, IndexError):
    """The offset is below the first record or above the end."""

    advice = "watermarks() tells the offsets that are there; 'earliest' and 'latest' always are"


class InvalidBatch(Error, ValueError):
    """Bytes that were given are not a record batch or not header fields: checksum, length or structure."""

    advice = "nothing was appended; the bytes were damaged on their way here"


class UnknownTopicOrPartition(Error, LookupError):
    """There is no such topic or partition, or it was deleted meanwhile."""

    advice = "topics() lists what there is, create_topic() makes one"


class MessageTooLarge(Error, ValueError):
    """The batch is larger than max.message.bytes."""

    advice = "nothing was appended: append fewer records a call, or create the topic with a larger max_message_bytes"


class InvalidTopic(Error, ValueError):
    """The name cannot be a topic's."""

    advice = "letters, digits, '.', '_' and '-' are allowed, 249 of them at most"


class RecordListTooLarge(MessageTooLarge):
    """The batch is larger than segment.bytes."""

    advice = "nothing was appended: append fewer records a call, or create the topic with larger segment_bytes"


class InvalidTimestamp(Error, ValueError):
    """A timestamp is negative."""

    advice = "milliseconds since 1970, an aware datetime, or None for now"


class TopicAlreadyExists(Error):
    """There is a topic of that name."""

    advice = "create_topic(..., exist_ok=True) takes it as it is"


class InvalidPartitions(Error, ValueError):
    """A topic has at least one partition."""


class InvalidConfig(Error, ValueError):
    """A setting is not known, or its value is not allowed; the text names what is."""


class UnsupportedMessageFormat(Error):
    """Records of a format older than Kafka 0.11."""

    advice = "have a broker older than 4.0 rewrite them"


class UnsupportedCompression(Error):
    """The compression is not known, or not built into this library."""


class InvalidRecord(Error, ValueError):
    """The batch is well formed but may not be appended."""


class Timeout(Error, TimeoutError):
    """The time is over. If `offset` is set, the records ARE appended there and only not known to be on disk."""

    advice = "if `offset` is set, go on with wait_durable(offset) and do not append again"


class InvalidArgument(Error, ValueError):
    """An argument is outside its range."""


class UnsupportedFilesystem(Error):
    """The file system is not known to keep the promises that a log needs."""

    advice = "use a local disk, or open with filesystem_check=False if losing data is acceptable"


class Locked(Error):
    """Somebody else holds the directory, for example a running broker."""

    advice = "stop the other program, then open again"


class Forked(Error):
    """The object belongs to the parent of this forked process."""

    advice = "make readers and senders after the fork; directories and logs open themselves anew"


class Corrupt(Error):
    """Bytes on disk are damaged; the text names file and position."""

    advice = "read on behind the damage with reader(on_corrupt='skip'), or restore the file"


class DiskFull(Error, OSError):
    """No space is left. Nothing of the call is in the log."""

    advice = "make room, then repeat the call"


class ReadOnly(Error):
    """The directory or partition is open for reading only."""

    advice = "open it without readonly=True; topics with old formats stay read-only"


class Closed(Error, ValueError):
    """The object was closed."""

    advice = "open it anew"


class OutOfMemory(Error, MemoryError):
    """Memory or handles could not be had."""


class BufferTooSmall(Error):
    """A buffer was too small."""


class PeerClosed(Error, ConnectionError):
    """The other end of the socket or pipe is gone."""

    advice = "sender positions stay as they are: go on with another connection"


class Again(Error, BlockingIOError):
    """The descriptor takes nothing more now."""

    advice = "wait until it can be written, then call again"


class Interrupted(Error, InterruptedError):
    """A wait was ended by `wakeup()`."""


class VersionConflict(Error):
    """Another version of the library, or another kernel, has the directory open."""

    advice = "let all programs use one version"


class Panic(Error):
    """The library failed inside. The object answers this until it is closed."""

    advice = "close it and open it anew; please report the text"


class Busy(Error):
    """Another thread is using the object, or as many processes as a directory takes are writing there."""

    advice = "give each thread a reader of its own, close when no call is running; one directory takes 256 writing processes"


class IoError(Error, OSError):
    """A system call failed, or an earlier write or sync of this log did."""

    advice = "after a failed sync the log takes no more appends: close the directory everywhere and open it anew"


_BY_NAME: Dict[str, Type[Error]] = {
    "CKAFKA_ERR_OFFSET_OUT_OF_RANGE": OffsetOutOfRange,
    "CKAFKA_ERR_CORRUPT_MESSAGE": InvalidBatch,
    "CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION": UnknownTopicOrPartition,
    "CKAFKA_ERR_MESSAGE_TOO_LARGE": MessageTooLarge,
    "CKAFKA_ERR_INVALID_TOPIC": InvalidTopic,
    "CKAFKA_ERR_RECORD_LIST_TOO_LARGE": RecordListTooLarge,
    "CKAFKA_ERR_INVALID_TIMESTAMP": InvalidTimestamp,
    "CKAFKA_ERR_TOPIC_ALREADY_EXISTS": TopicAlreadyExists,
    "CKAFKA_ERR_INVALID_PARTITIONS": InvalidPartitions,
    "CKAFKA_ERR_INVALID_CONFIG": InvalidConfig,
    "CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT": UnsupportedMessageFormat,
    "CKAFKA_ERR_UNSUPPORTED_COMPRESSION_TYPE": UnsupportedCompression,
    "CKAFKA_ERR_INVALID_RECORD": InvalidRecord,
    "CKAFKA_ERR__TIMED_OUT": Timeout,
    "CKAFKA_ERR__INVALID_ARG": InvalidArgument,
    "CKAFKA_ERR__FAIL": UnsupportedFilesystem,
    "CKAFKA_ERR__LOCKED": Locked,
    "CKAFKA_ERR__FORKED": Forked,
    "CKAFKA_ERR__CORRUPT": Corrupt,
    "CKAFKA_ERR__DISK_FULL": DiskFull,
    "CKAFKA_ERR__READONLY": ReadOnly,
    "CKAFKA_ERR__BAD_HANDLE": Closed,
    "CKAFKA_ERR__NO_MEMORY": OutOfMemory,
    "CKAFKA_ERR__TRUNCATED": BufferTooSmall,
    "CKAFKA_ERR__CLOSED": PeerClosed,
    "CKAFKA_ERR__AGAIN": Again,
    "CKAFKA_ERR__INTERRUPTED": Interrupted,
    "CKAFKA_ERR__VERSION": VersionConflict,
    "CKAFKA_ERR__PANIC": Panic,
    "CKAFKA_ERR__BUSY": Busy,
    "CKAFKA_ERR__IO": IoError,
}

BY_CODE: Dict[int, Type[Error]] = {CONSTANTS[name]: kind for name, kind in _BY_NAME.items()}
_SYMBOLS: Dict[int, str] = {CONSTANTS[name]: name for name in _BY_NAME}
_ERRNO: Dict[Type[Error], int] = {DiskFull: errno.ENOSPC, Timeout: errno.ETIMEDOUT, Again: errno.EAGAIN, IoError: errno.EIO}

for _code, _kind in BY_CODE.items():
    _kind.code = _code


def error_of(code: int, message: str, offset: Optional[int] = None) -> Error:
    """The exception for a code of the C interface."""
    kind = BY_CODE.get(code, Error)
    error = kind(message or kind.__doc__ or "")
    error.code = code
    error.offset = offset
    if isinstance(error, OSError):
        error.errno = _ERRNO.get(kind)
    return error


def raise_for(code: int, offset: Optional[int] = None) -> NoReturn:
    """Raises what the last call on this thread, which answered `code`, failed with."""
    from ._lib import lib

    raise error_of(code, lib.ckafka_errmsg().decode("utf-8", "replace"), offset)


def check(code: int) -> None:
    """Raises unless a call answered success."""
    if code:
        raise_for(code)


def _restored(kind: Type[Error], message: str, code: int, offset: Optional[int]) -> Error:
    error = kind(message)
    error.code, error.offset = code, offset
    return error
