"""Waits of the library that Python's signal handlers can end.

A signal ends a wait at once, and its handler runs. One that arrives in the moment between two sleeps of the library is not
seen by it: so no call waits longer than a piece, between which the interpreter looks.
"""

from __future__ import annotations

import ctypes
from time import monotonic

from . import _arguments

PIECE_MS = 200

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


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
