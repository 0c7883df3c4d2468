"""A data directory: opening, topics, and what belongs to the directory as a whole."""

from __future__ import annotations

import atexit
import os
from ctypes import byref, c_int64, c_size_t, c_uint64, c_void_p, create_string_buffer, string_at
from _thread import RLock
from collections import namedtuple
from weakref import WeakSet

from . import _arguments
from ._api import CONSTANTS
from ._handle import BAD_HANDLE, FORKED, Handle, close_patiently
from ._interrupt import INTERRUPTED, SLICE, go_on
from ._lib import lib
from .errors import Closed, TopicAlreadyExists, check, raise_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

    from ._log import Log

    Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

    class _Watermarks(NamedTuple):
        low: int
        end: int
        durable: int

    class _Topic(NamedTuple):
        name: str
        partitions: int
        config: Dict[str, str]
        id: str
else:
    _Watermarks = namedtuple("_Watermarks", "low end durable")
    _Topic = namedtuple("_Topic", "name partitions config id")

_envs: "WeakSet[Env]" = WeakSet()


class Watermarks(_Watermarks):
    """Three offsets of a partition: `low`, the first that can be read; `end`, one past the last record; `durable`, one past
    the last record that is known to be on disk."""

    __slots__ = ()


class Topic(_Topic):
    """A topic: its name, its number of partitions, `config` with its own settings by Kafka's names, and its id."""

    __slots__ = ()


class Env(Handle):
    """An open data directory; `ckafka.open` makes one. Any thread may use it.

    It closes itself at the end of a `with` block, when it is collected, and when the interpreter ends. It can be pickled: the
    copy opens the same directory when it is first used, and so does the object itself in a forked child.

    >>> import ckafka
    >>> with ckafka.open(path, create=True) as env:
    ...     env.create_topic("orders", partitions=2)
    ...     [topic.name for topic in env.topics()]
    ['orders']
    """

    def __init__(self, path: bytes, config: Dict[str, str], flags: int) -> None:
        super().__init__()
        self._path, self._config, self._flags = path, config, flags
        self._lock = RLock()
        self._children: Dict[int, Any] = {}
        self._roles = 0
        _envs.add(self)

    @property
    def path(self) -> str:
        """Where the directory is, from the root."""
        return os.fsdecode(self._path)

    # Opening and closing

    def _open(self) -> None:
        # C writes into it what close() finds, also if a signal comes in between.
        self._pointer = pointer = c_void_p()
        with _arguments.Conf({**SLICE, **self._config}) as conf:
            arguments = (self._path, conf, self._flags, byref(pointer))
            code = lib.ckafka_open(*arguments)
            if code == INTERRUPTED:
                code = go_on(self._lock_timeout, lib.ckafka_open, *arguments)
            check(code)
        self._flags &= ~CONSTANTS["CKAFKA_OPEN_CREATE"]
        if self._roles:
            self._call(lib.ckafka_io_threads_start, self._roles)

    def _lock_timeout(self) -> float:
        with _arguments.Conf(self._config) as conf:
            text, size = create_string_buffer(32), c_size_t(32)
            check(lib.ckafka_conf_get(conf, b"ckafka.lock.timeout.ms", text, byref(size)))
        return int(text.value) / 1000

    def _revive(self, code: int) -> bool:
        with self._lock:
            if self._closed:
                return False
            if code == FORKED:
                self._forget_parent()
            if not self._pointer:
                self._open()
            return True

    def _forget_parent(self) -> None:
        """In a forked child: gives the handles that came with it back, which leaves the parent's alone."""
        probe = c_uint64()
        if lib.ckafka_caps(self._pointer, byref(probe)) != FORKED:
            return  # another thread was here first
        for pointer, close in self._children.copy().items():
            close(pointer)
        self._children.clear()
        lib.ckafka_close(self._pointer)
        self._pointer = c_void_p()

    def close(self) -> None:
        """Makes all records durable, writes the checkpoints, and closes the directory with its logs, readers and senders.

        Views and slices of them stay valid. Closing twice is no error. `Busy`: a call in another thread did not end
        within a second; the directory is open still.

        >>> import ckafka
        >>> env = ckafka.open(path, create=True)
        >>> env.close()
        >>> env.closed
        True
        """
        with self._lock:
            if self._closed:
                return
            for pointer, close in self._children.copy().items():
                if close_patiently(close, pointer) in (0, BAD_HANDLE, FORKED):
                    self._children.pop(pointer, None)
            code = close_patiently(lib.ckafka_close, self._pointer) if self._pointer else 0
            if code == CONSTANTS["CKAFKA_ERR__BUSY"]:
                raise_for(code)
            self._closed = True
            self._pointer = c_void_p()
            _envs.discard(self)
            if code not in (0, FORKED, BAD_HANDLE):
                raise_for(code)

    def __enter__(self) -> "Env":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self, _close: Any = lib.ckafka_close) -> None:
        if getattr(self, "_pointer", None) and not self._closed:
            for pointer, close in self._children.copy().items():
                close(pointer)
            _close(self._pointer)

    def __reduce__(self) -> Tuple[Any, ...]:
        if self._closed:
            raise Closed("a closed Env cannot be pickled")
        return _unpickled, (self._path, self._config, self._flags & ~CONSTANTS["CKAFKA_OPEN_CREATE"], self._roles)

    def __repr__(self) -> str:
        return f"<ckafka.Env {self.path!r}{' closed' if self._closed else ''}>"

    def _adopt(self, pointer: c_void_p, close: Any) -> None:
        """Notes a handle that has to be closed before the directory."""
        self._children[pointer.value or 0] = close

    def _drop(self, pointer: c_void_p) -> int:
        """Closes such a handle; forgotten when that is done, as closing twice does no harm."""
        close = self._children.get(pointer.value or 0)
        code = int(close(pointer)) if close else 0
        self._children.pop(pointer.value or 0, None)
        return code

    # Topics

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        config: Optional[Mapping[str, _arguments.Setting]] = None,
        *,
        exist_ok: bool = False,
        **options: _arguments.Setting,
    ) -> None:
        """Creates a topic. Settings go by Kafka's names in `config`, or with underscores as arguments. What is not among them
        has its default; `flush_messages`, `flush_ms` and `compression_type` those with which the directory is opened.

        `TopicAlreadyExists` unless `exist_ok`; `InvalidTopic`, `InvalidPartitions`, `InvalidConfig`, `ReadOnly`.

        >>> env.create_topic("metrics", partitions=4, retention_ms=7 * 86_400_000, compression_type="zstd")
        >>> env.create_topic("metrics", exist_ok=True)
        """
        topic, count = _arguments.text(name, "name"), _arguments.whole(partitions, "partitions", -(2**31), 2**31 - 1)
        with _arguments.Conf(_arguments.settings(config, options)) as conf:
            try:
                self._call(lib.ckafka_topic_create, topic, count, conf)
            except TopicAlreadyExists:
                if not exist_ok:
                    raise

    def delete_topic(self, name: str) -> None:
        """Deletes a topic with its records. Those who have it open get `UnknownTopicOrPartition`; views stay valid.

        >>> env.create_topic("gone")
        >>> env.delete_topic("gone")
        """
        self._call(lib.ckafka_topic_delete, _arguments.text(name, "name"))

    def topics(self) -> List[Topic]:
        """All topics, by name.

        >>> env.create_topic("weather", partitions=3)
        >>> [(topic.name, topic.partitions) for topic in env.topics() if topic.name == "weather"]
        [('weather', 3)]
        """
        found = self._json(lib.ckafka_topic_list)["topics"]
        return [Topic(entry["name"], entry["partitions"], entry["config"], entry["id"]) for entry in found]

    def log(self, topic: str, partition: int = 0) -> "Log":
        """The log of a partition: what records are appended to and read from. Any thread may use it.

        `UnknownTopicOrPartition`, `InvalidTopic`.

        >>> env.create_topic("greetings")
        >>> env.log("greetings").append(b"hello")
        0
        """
        from ._log import Log

        number = _arguments.whole(partition, "partition", 0, 2**31 - 1)
        return Log(self, _arguments.text(topic, "topic"), number)

    def watermarks(self, topic: str, partition: int = 0) -> Watermarks:
        """First offset, end, and durable end of a partition, without opening it.

        >>> env.create_topic("empty")
        >>> env.watermarks("empty")
        Watermarks(low=0, end=0, durable=0)
        """
        return self._watermarks(_arguments.text(topic, "topic"), _arguments.whole(partition, "partition", 0, 2**31 - 1))

    def _watermarks(self, topic: bytes, partition: int) -> Watermarks:
        low, end, durable = c_int64(), c_int64(), c_int64()
        self._call(lib.ckafka_watermarks, topic, partition, byref(low), byref(end), byref(durable))
        return Watermarks(low.value, end.value, durable.value)

    # The directory as a whole

    def sync(self) -> None:
        """Makes all records durable of all partitions that this process has used; `ReadOnly` where it only reads.

        >>> env.sync()
        """
        self._call(lib.ckafka_sync)

    def stats(self) -> Any:
        """Counters, watermarks and sizes, as the library reports them: dicts and lists.

        >>> env.create_topic("counted")
        >>> isinstance(env.stats(), dict)
        True
        """
        return self._json(lib.ckafka_stats)

    @property
    def recovery_report(self) -> Any:
        """What was cut, set aside or rebuilt since the directory was opened: dicts and lists."""
        return self._json(lib.ckafka_recovery_report)

    @property
    def capabilities(self) -> int:
        """What the directory can do: `CAP_*` bits."""
        bits = c_uint64()
        self._call(lib.ckafka_caps, byref(bits))
        return bits.value

    def start_threads(self, *, flush: bool = True, pretouch: bool = False) -> None:
        """Starts threads of the library: one that syncs on request and every `flush_ms`, one that prepares pages ahead.

        >>> env.start_threads()
        """
        roles = (CONSTANTS["CKAFKA_IO_FLUSH"] if flush else 0) | (CONSTANTS["CKAFKA_IO_PRETOUCH"] if pretouch else 0)
        self._call(lib.ckafka_io_threads_start, roles)
        self._roles |= roles

    def _json(self, function: Any) -> Any:
        import json

        owned = c_void_p()
        self._call(function, byref(owned))
        try:
            return json.loads(string_at(owned.value or 0))
        finally:
            lib.ckafka_free(owned)


def open(
    path: Path,
    *,
    create: bool = False,
    readonly: bool = False,
    config: Optional[Mapping[str, _arguments.Setting]] = None,
    **options: _arguments.Setting,
) -> Env:
    """Opens a data directory: one of ours, or one that a stopped Kafka broker wrote.

    `create` makes an empty or missing directory one; `readonly` changes nothing in it. Settings go by their names in
    `config` ("flush.messages", "ckafka.lock.timeout.ms"), or as arguments with underscores and without the prefix. Those of
    a topic count for the topics of a broker's directory; `create_topic` gives ours theirs.

    `IoError` (missing, not a directory), `Locked` (a running broker), `ReadOnly`, `DiskFull`, `VersionConflict`, `Corrupt`,
    `UnsupportedFilesystem`, `InvalidConfig`.

    >>> import ckafka
    >>> with ckafka.open(path, create=True, flush_messages=1000, lock_timeout_ms=1000) as env:
    ...     env.topics()
    []
    """
    if create and readonly:
        raise ValueError("create and readonly exclude each other")
    flags = (CONSTANTS["CKAFKA_OPEN_CREATE"] if create else 0) | (CONSTANTS["CKAFKA_OPEN_RDONLY"] if readonly else 0)
    env = Env(_arguments.path(path), _arguments.settings(config, options), flags)
    env._open()
    return env


def _unpickled(path: bytes, config: Dict[str, str], flags: int, roles: int) -> Env:
    env = Env(path, config, flags)
    env._roles = roles
    return env


@atexit.register
def _close_all() -> None:
    """Ends cleanly what a program left open; what other threads still use is left to recovery."""
    for env in list(_envs):
        try:
            env.close()
        except Exception:
            pass


def _renew_locks() -> None:
    """In a forked child: a lock that another thread of the parent held would never be freed."""
    for env in list(_envs):
        env._lock = RLock()


os.register_at_fork(after_in_child=_renew_locks)
