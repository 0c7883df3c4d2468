"""The log for asyncio: what waits for the disk or for records waits on descriptors of the library, and on no thread pool.

Appending itself does not wait: it is a copy into the page cache (only another process that is stopped in the middle of one
holds it up, and with it the loop, for `lock_timeout_ms` at most). One thread of the library syncs for all who wait
(`Env.start_threads`); what becomes durable, and what is appended, makes a descriptor readable, which the event loop
polls. Opening a directory and closing it are ordinary calls.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, AsyncIterator, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from . import _arguments
from ._batch import Batch, Record
from ._env import Env, open as _open
from ._log import Log
from ._reader import FETCH_BYTES, Reader
from .errors import Error, Timeout

if TYPE_CHECKING:
    from ._arguments import Setting
    from ._env import Path
    from ._log import Full, Part
    from ._records import Headers

LOOK_AGAIN_S = 0.5
"""A failed sync moves no durable end: who waits asks the log itself this often."""


class AsyncLog:
    """A log whose waits are awaited; `AsyncEnv.log` makes one. `log` is the ordinary one underneath."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._waiting: List[Tuple[int, "asyncio.Future[None]"]] = []
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._descriptor = -1
        self._timer: Optional[asyncio.TimerHandle] = None

    def append(
        self, value: "Part", key: "Part" = None, headers: "Optional[Headers]" = None, timestamp: Any = None
    ) -> int:
        """Appends one record; nothing to await, as it is published when this returns. See `Log.append`."""
        return self.log.append(value, key, headers, timestamp)

    def append_many(self, records: "Iterable[Union[Part, Full]]", timestamp: Any = None) -> int:
        """Appends records as one batch. See `Log.append_many`."""
        return self.log.append_many(records, timestamp)

    async def append_durable(
        self, value: "Part", key: "Part" = None, headers: "Optional[Headers]" = None, timestamp: Any = None
    ) -> int:
        """Appends one record and returns its offset once it is on disk. Tasks that wait at the same time share one sync.

        If the task is cancelled the record stays appended; it is only not waited for.

        >>> async def main():
        ...     async with ckafka.aopen(path, create=True) as env:
        ...         env.create_topic("paid")
        ...         log = env.log("paid")
        ...         return await asyncio.gather(*(log.append_durable(b"%d" % n) for n in range(3)))
        >>> asyncio.run(main())
        [0, 1, 2]
        """
        offset = self.log.append(value, key, headers, timestamp)
        await self.wait_durable(offset)
        return offset

    async def append_many_durable(self, records: "Iterable[Union[Part, Full]]", timestamp: Any = None) -> int:
        """Appends records as one batch and returns the first offset once all are on disk."""
        offset = self.log.append_many(records, timestamp)
        await self.wait_durable(offset)
        return offset

    async def wait_durable(self, offset: int) -> None:
        """Waits until the record at `offset` is on disk. `IoError`: a sync failed, it will not come."""
        number = _arguments.whole(offset, "offset", 0, _arguments.INT64_MAX)
        if self.log.watermarks().durable > number:
            return
        self._watch(asyncio.get_running_loop())
        assert self._loop is not None
        future: "asyncio.Future[None]" = self._loop.create_future()
        entry = (number, future)
        self._waiting.append(entry)
        try:
            self.log.request_sync()
            self._look()
            await future
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
            if not self._waiting:
                self._unwatch()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is loop and self._descriptor >= 0:
            return
        if self._waiting:
            raise RuntimeError("this AsyncLog is in use by another event loop: open one for each loop")
        self._loop, self._descriptor = loop, self.log.durable_fileno()
        loop.add_reader(self._descriptor, self._look)
        self._timer = loop.call_later(LOOK_AGAIN_S, self._look_again)

    def _unwatch(self) -> None:
        if self._loop is not None and self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._descriptor = -1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Lets those go on whose records are on disk."""
        try:
            self.log.durable_fileno()
            durable = self.log.watermarks().durable
        except Error as error:
            self._fail(error)
            return
        for number, future in self._waiting:
            if number < durable and not future.done():
                future.set_result(None)

    def _look_again(self) -> None:
        """Finds out about a failure, and asks once more."""
        self._timer = None
        if not self._waiting or self._loop is None:
            return
        self._look()
        try:
            self.log.wait_durable(min(number for number, _ in self._waiting), timeout=0)
            self._look()
        except Timeout:
            pass
        except Error as error:
            self._fail(error)
        self._timer = self._loop.call_later(LOOK_AGAIN_S, self._look_again)

    def _fail(self, error: Error) -> None:
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)

    def reader(
        self,
        start: Union[int, str] = "earliest",
        *,
        config: "Optional[Mapping[str, Setting]]" = None,
        **options: "Setting",
    ) -> "AsyncReader":
        """A reader whose `fetch` is awaited. See `Log.reader`."""
        return AsyncReader(self.log.reader(start, follow=False, config=config, **options))

    async def follow(self, start: Union[int, str] = "latest") -> AsyncIterator[Record]:
        """Records from `start` on, for ever: at the end of the log it waits for more.

        >>> async def main():
        ...     async with ckafka.aopen(path, create=True) as env:
        ...         env.create_topic("news")
        ...         log = env.log("news")
        ...         log.append(b"first")
        ...         async for record in log.follow(start=0):
        ...             return record.value
        >>> asyncio.run(main())
        b'first'
        """
        async with self.reader(start) as reader:
            async for record in reader:
                yield record


class AsyncReader:
    """A reading position whose waits are awaited. One task at a time may use it. `reader` is the one underneath."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    async def fetch(self, max_bytes: int = FETCH_BYTES, timeout: Optional[float] = None) -> Batch:
        """The next records; at the end of the log waits up to `timeout` seconds, None for ever, then an empty batch."""
        _arguments.milliseconds(timeout)
        batch = self.reader.fetch(max_bytes)
        if batch or timeout == 0:
            return batch
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        descriptor = self.reader.fileno()
        while not batch:
            readable = loop.create_future()
            loop.add_reader(descriptor, _settle, readable)
            try:
                await asyncio.wait_for(readable, None if deadline is None else max(0.0, deadline - loop.time()))
            except asyncio.TimeoutError:
                return self.reader.fetch(max_bytes)
            finally:
                loop.remove_reader(descriptor)
            batch = self.reader.fetch(max_bytes)
        return batch

    def seek(self, offset: Union[int, str]) -> None:
        """See `Reader.seek`."""
        self.reader.seek(offset)

    def seek_time(self, time: Any) -> None:
        """See `Reader.seek_time`."""
        self.reader.seek_time(time)

    @property
    def position(self) -> int:
        """The offset that the next fetch starts at."""
        return self.reader.position

    async def __aiter__(self) -> AsyncIterator[Record]:
        while True:
            for record in await self.fetch():
                yield record

    def close(self) -> None:
        """Closes the reader."""
        self.reader.close()

    async def __aenter__(self) -> "AsyncReader":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class AsyncEnv:
    """A data directory for asyncio; `aopen` makes one. `env` is the ordinary one underneath, whose attributes it has, too."""

    def __init__(self, env: Env) -> None:
        self.env = env
        self._logs: "weakref.WeakValueDictionary[Tuple[str, int], AsyncLog]" = weakref.WeakValueDictionary()

    def log(self, topic: str, partition: int = 0) -> AsyncLog:
        """The log of a partition. Who asks for the same one gets the same object."""
        found = self._logs.get((topic, partition))
        if found is None:
            found = self._logs[topic, partition] = AsyncLog(self.env.log(topic, partition))
        return found

    def __getattr__(self, name: str) -> Any:
        if name == "env":
            raise AttributeError(name)  # not there yet: while it is copied
        return getattr(self.env, name)

    async def __aenter__(self) -> "AsyncEnv":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.env.close()


class _Opening:
    """What `aopen` returns: awaited, or entered by `async with`."""

    def __init__(self, path: "Path", options: Dict[str, Any]) -> None:
        self._path, self._options = path, options
        self._opened: Optional[AsyncEnv] = None

    async def _open(self) -> AsyncEnv:
        env = _open(self._path, **self._options)
        if not self._options.get("readonly"):
            env.start_threads()
        return AsyncEnv(env)

    def __await__(self) -> Any:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncEnv:
        self._opened = await self._open()
        return self._opened

    async def __aexit__(self, *_: object) -> None:
        if self._opened is not None:
            self._opened.env.close()


def aopen(path: "Path", **options: Any) -> _Opening:
    """Opens a data directory for asyncio, with the arguments of `ckafka.open`, and starts the library's flush thread.

    >>> async def main():
    ...     async with ckafka.aopen(path, create=True) as env:
    ...         env.create_topic("orders")
    ...         return await env.log("orders").append_durable(b"v")
    >>> asyncio.run(main())
    0
    """
    return _Opening(path, options)


__all__ = ["AsyncEnv", "AsyncLog", "AsyncReader", "aopen"]
