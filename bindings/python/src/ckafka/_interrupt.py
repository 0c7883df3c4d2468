"""What happens when a signal ends a wait: Python's handlers run, and if none of them raises the wait goes on."""

from __future__ import annotations

import ctypes


def check_signals() -> None:
    """Runs the handlers of signals that have arrived; raises what they raise, for example KeyboardInterrupt."""
    ctypes.pythonapi.PyErr_CheckSignals()
