"""What all objects that stand for a handle of C have in common: closing, forks, and who keeps whom open.

A handle is a number; the library itself knows whether it is open, closed, or of the parent of a forked process. So no
call is guarded by a check of ours: the answer tells, and only then something is done about it.
"""

from __future__ import annotations

import time
from ctypes import byref, c_void_p
from ._api import CONSTANTS
from ._interrupt import INTERRUPTED, go_on
from .errors import Closed, raise_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from typing_extensions import Self

    from ._env import Env

BUSY = CONSTANTS["CKAFKA_ERR__BUSY"]
BAD_HANDLE = CONSTANTS["CKAFKA_ERR__BAD_HANDLE"]
FORKED = CONSTANTS["CKAFKA_ERR__FORKED"]
CLOSE_PATIENCE_S = 1.0


class Handle:
    """One handle. `_pointer` is passed to C as it is; NULL before it is opened and after it was closed."""

    def __init__(self) -> None:
        self._pointer = c_void_p()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._closed

    def _revive(self, code: int) -> bool:
        """Opens the handle anew after a call answered `code`; False where that is not for it to do."""
        return False

    def _call(self, function: Callable[..., int], *arguments: Any) -> None:
        """Calls a function with this handle as its first argument, once more if the handle could be revived, and as often
        as it answers that it was interrupted before it did anything."""
        code = function(self._pointer, *arguments)
        if code:
            if (code == FORKED or code == BAD_HANDLE) and self._revive(code):
                code = function(self._pointer, *arguments)
            if code == INTERRUPTED:
                code = go_on(self._lock_timeout, function, self._pointer, *arguments)
            if code:
                self._raise(code)

    def _lock_timeout(self) -> float:
        """How long others are waited for, in seconds."""
        raise NotImplementedError

    def _raise(self, code: int, offset: Optional[int] = None) -> None:
        if code == BAD_HANDLE and self._closed:
            raise Closed(f"this {type(self).__name__} is closed")
        raise_for(code, offset)


class Child(Handle):
    """A handle of something in a directory. Closed by itself, by the directory, or when it is collected."""

    def __init__(self, env: Env) -> None:
        super().__init__()
        self._env = env

    @property
    def closed(self) -> bool:
        """Whether it was closed, by itself or with its directory."""
        return self._closed or self._env.closed

    def _lock_timeout(self) -> float:
        return self._env._lock_timeout()

    def _have_opened(self, parent: Handle, close: Callable[[Any], int], function: Callable[..., int], *arguments: Any) -> None:
        """Has C open the handle. What interrupts that, wherever it is, leaves no handle behind."""
        pointer = c_void_p()
        try:
            parent._call(function, *arguments, byref(pointer))
            self._env._adopt(pointer, close)
            self._pointer = pointer
        except BaseException:
            if pointer and self._pointer is not pointer:
                self._env._adopt(pointer, close)
                self._env._drop(pointer)
            raise

    def close(self) -> None:
        """Closes the handle; what was read stays valid, and a wait of another thread ends with `Closed`. Closing twice is no
        error."""
        with self._env._lock:
            if not self._closed:
                self._closed = True
                self._env._drop(self._pointer)
                self._pointer = c_void_p()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_pointer", None) and not self._closed:
            self._env._drop(self._pointer)


def close_patiently(function: Callable[[Any], int], pointer: Any) -> int:
    """Closes a handle, waiting for calls of other threads that are about to end."""
    deadline = time.monotonic() + CLOSE_PATIENCE_S
    code = function(pointer)
    while code == BUSY and time.monotonic() < deadline:
        time.sleep(0.001)
        code = function(pointer)
    return code
