"""A sending position in a log, counted in bytes."""

from __future__ import annotations

import select
from ctypes import byref, c_int64, c_uint64

from . import _arguments
from ._api import CONSTANTS
from ._handle import Child
from ._interrupt import INTERRUPTED, Deadline, check_signals
from ._lib import lib
from .errors import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Tuple

    from ._log import Log

AGAIN = CONSTANTS["CKAFKA_ERR__AGAIN"]


class Sender(Child):
    """A sending position; `Log.sender` opens it. One thread at a time may use it. In a forked child: `Forked`."""

    def __init__(self, log: "Log", start: int) -> None:
        super().__init__(log.env)
        self._have_opened(log, lib.ckafka_sender_close, lib.ckafka_sender_open, start)

    def __reduce__(self) -> Any:
        raise TypeError("a Sender cannot be pickled: pickle its Log, and open one there")

    def send(self, target: Any, max_bytes: int = 1 << 20) -> int:
        """Sends to a socket, pipe or file what it takes now, whole batches of at most `max_bytes` (one at least), and returns
        how many bytes went; 0 at the end of the log. Where a part of a batch went, the next call goes on inside it.

        `Again`: a non-blocking target takes nothing now. `PeerClosed`, `DiskFull`, `IoError`, `OffsetOutOfRange`.

        >>> log.append(b"v")
        0
        >>> with log.sender() as sender, open(path + ".copy", "wb") as file:
        ...     sender.send(file) > 0, sender.send(file)
        (True, 0)
        """
        sent, code = self._send(_descriptor(target), _arguments.whole(max_bytes, "max_bytes", 1, _arguments.INT64_MAX))
        if code == INTERRUPTED:
            check_signals()
        elif code and not (code == AGAIN and sent):
            self._raise(code)
        return sent

    def _send(self, descriptor: int, limit: int) -> Tuple[int, int]:
        sent = c_uint64(0)
        code = lib.ckafka_send(self._pointer, descriptor, limit, 0, byref(sent))
        return sent.value, code

    def send_all(self, target: Any, max_bytes: int = 1 << 62, timeout: Optional[float] = None) -> int:
        """Sends whole batches, waiting while the target takes nothing; `Log.send` says the rest."""
        descriptor, left = _descriptor(target), _arguments.whole(max_bytes, "max_bytes", 1, _arguments.INT64_MAX)
        deadline = Deadline(timeout)
        while left > 0 or self.position[1]:
            sent, code = self._send(descriptor, max(left, 1))
            left -= sent
            if code == INTERRUPTED:
                check_signals()
            elif code == AGAIN:
                self._wait(descriptor, deadline)
            elif code:
                self._raise(code)
            elif not sent:
                break
        return self.position[0]

    def _wait(self, descriptor: int, deadline: Deadline) -> None:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        if not poll.poll(deadline.piece_ms()) and deadline.is_over():
            error = Timeout("the target took nothing in time")
            error.offset = self.position[0]
            raise error

    @property
    def position(self) -> Tuple[int, int]:
        """The offset of the batch that the next byte belongs to, and how many bytes of that batch have gone."""
        offset, inside = c_int64(), c_uint64()
        self._call(lib.ckafka_sender_position, byref(offset), byref(inside))
        return offset.value, inside.value


def _descriptor(target: Any) -> int:
    if isinstance(target, bool) or not (isinstance(target, int) or hasattr(target, "fileno")):
        raise TypeError(f"target must be a socket, a file or a descriptor, not {_arguments.kind_of(target)}")
    if not isinstance(target, int):
        getattr(target, "flush", int)()  # what a file object holds back belongs before what is sent
        target = target.fileno()
    return _arguments.whole(target, "target", 0, _arguments.INT32_MAX)
