"""What callers pass to a producer, checked: each function raises the TypeError or KafkaException that names what does not fit."""

from __future__ import annotations

from operator import index
from threading import TIMEOUT_MAX

from ._error import failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional


def data(given: Any, name: str) -> Optional[bytes]:
    """A value or key as bytes; None is null."""
    if given is None or type(given) is bytes:
        return given
    if isinstance(given, str):
        return given.encode()
    if isinstance(given, bytes):
        return bytes(given)
    raise TypeError(f"{name} must be bytes, str or None, not {type(given).__name__}")


def encoded(headers: Any) -> Any:
    """Headers whose text values are bytes."""
    if headers is None:
        return None
    if not isinstance(headers, (dict, list, tuple)):
        raise TypeError(f"expected headers to be dict or list of (key, value) tuples, not {type(headers).__name__}")
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [
        (pair[0], pair[1].encode()) if isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], str) else pair
        for pair in pairs
    ]


def time_of(timestamp: Any) -> int:
    """Milliseconds since 1970, or 0 for now."""
    time = index(timestamp)
    if time < 0:
        raise failed("INVALID_TIMESTAMP", f"timestamp is {time}: milliseconds since 1970, or 0 for now")
    return time


def seconds_of(timeout: Any) -> float:
    """A timeout; below 0 is for ever, which is as long as a wait can be."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be real number, not {type(timeout).__name__}")
    return TIMEOUT_MAX if timeout < 0 else min(float(timeout), TIMEOUT_MAX)
