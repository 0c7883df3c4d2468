"""Waits of the library that Python's signal handlers can end.

A signal ends a wait at once, and its handler runs. One that arrives in the moment between two sleeps of the library is not
seen by it: so no call waits longer than a piece, between which the interpreter looks. Waits for what another process holds
are told so when the directory is opened (`SLICE`); only what follows a step that must not be done twice waits as a whole.
"""

from __future__ import annotations

import ctypes
from time import monotonic

from . import _arguments
from ._api import CONSTANTS
from ._lib import lib
from .errors import error_of

INTERRUPTED = CONSTANTS["CKAFKA_ERR__INTERRUPTED"]
TIMED_OUT = CONSTANTS["CKAFKA_ERR__TIMED_OUT"]
PIECE_MS = 200
SLICE = {"ckafka.lock.slice.ms": str(PIECE_MS)}
"""The setting of a directory with which calls that wait for other processes come back after a piece."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional


def check_signals() -> None:
    """Runs the handlers of signals that have arrived; raises what they raise, for example KeyboardInterrupt."""
    ctypes.pythonapi.PyErr_CheckSignals()


class Deadline:
    """When a wait of some seconds, or None for ever, is over."""

    __slots__ = ("_end", "seconds")

    def __init__(self, timeout: Optional[float]) -> None:
        whole = _arguments.milliseconds(timeout)
        self.seconds = timeout
        self._end = None if whole == _arguments.FOR_EVER else monotonic() + whole / 1000

    def piece_ms(self) -> int:
        """How long the next call may wait."""
        if self._end is None:
            return PIECE_MS
        left = self._end - monotonic()
        return 0 if left <= 0 else min(int(left * 1000) + 1, PIECE_MS)

    def is_over(self) -> bool:
        """Whether nothing is left of it."""
        return self._end is not None and self._end <= monotonic()

    def left_s(self) -> Optional[float]:
        """What is left, in seconds."""
        return None if self._end is None else max(0.0, self._end - monotonic())


def go_on(timeout: Callable[[], float], call: Callable[..., int], *arguments: Any) -> int:
    """Repeats a call that has just answered INTERRUPTED: it waits for what another process holds, and has done nothing.

    `Timeout` once as many seconds are over as `timeout` says, with the text of the library, which names who holds it.
    """
    deadline = Deadline(timeout())
    code = INTERRUPTED
    while code == INTERRUPTED:
        # A signal handler may use the library, too.
        text = lib.ckafka_errmsg().decode("utf-8", "replace")
        check_signals()
        if deadline.is_over():
            raise error_of(TIMED_OUT, text.replace("interrupted while", f"timed out after {deadline.seconds} s", 1))
        code = call(*arguments)
    return code
