"""Turns what callers pass into what C takes, and says by name which argument does not fit.

Everything here raises `TypeError` for a wrong kind of thing and `ValueError` for one out of range, before any call of
the library.
"""

from __future__ import annotations

import os
import sys
from ctypes import byref, c_size_t

from ._api import CONSTANTS
from ._lib import lib
from .errors import InvalidConfig, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping, Optional, SupportsIndex, Tuple, Union

    Setting = Union[str, int, float, bool]

FOR_EVER = -1
INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
NOW = -1

START = {
    "earliest": CONSTANTS["CKAFKA_START_EARLIEST"],
    "latest": CONSTANTS["CKAFKA_START_LATEST"],
    "durable": CONSTANTS["CKAFKA_START_DURABLE_END"],
}


def kind_of(value: object) -> str:
    """The name of a value's type, for messages."""
    return type(value).__name__


def data(value: Any, name: str) -> Optional[bytes]:
    """Bytes of anything that has the buffer interface; None stays None, Kafka's null."""
    if value is None or type(value) is bytes:
        return value
    if isinstance(value, str):
        raise TypeError(f"{name} must be bytes or None, not str: encode it first with .encode()")
    try:
        return memoryview(value).tobytes()
    except TypeError:
        raise TypeError(f"{name} must be bytes or None, not {kind_of(value)}") from None


def whole(value: Any, name: str, least: int, most: int) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int, not {kind_of(value)}")
    number = value.__index__()
    if not least <= number <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {number}")
    return int(number)


def text(value: Any, name: str) -> bytes:
    """Zero-terminated UTF-8."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {kind_of(value)}")
    if "\0" in value:
        raise ValueError(f"{name} holds a zero character: {value!r}")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} is not valid Unicode: {error}") from None


def path(value: Any, name: str = "path") -> bytes:
    """An absolute path, as the file system has it."""
    try:
        found = os.fsencode(value)
    except TypeError:
        raise TypeError(f"{name} must be a str, bytes or os.PathLike, not {kind_of(value)}") from None
    if not found or b"\0" in found:
        raise ValueError(f"{name} must not be empty and holds no zero byte: {value!r}")
    return os.path.abspath(found)


def milliseconds(timeout: Any, name: str = "timeout") -> int:
    """A timeout in seconds as whole milliseconds, rounded up; None is for ever."""
    if timeout is None:
        return FOR_EVER
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"{name} must be seconds (int or float) or None for ever, not {kind_of(timeout)}")
    if not timeout >= 0:
        raise ValueError(f"{name} must be 0 or more seconds, or None for ever, not {timeout!r}")
    return min(-int(-min(timeout, INT32_MAX) * 1000 // 1), INT32_MAX)


def timestamp(value: Any, name: str = "timestamp") -> int:
    """Milliseconds since 1970 of an int or an aware datetime; None is now."""
    return NOW if value is None else moment(value, name)


def moment(value: Any, name: str) -> int:
    """Milliseconds since 1970 of an int or an aware datetime."""
    # Who has a datetime has imported the module.
    datetime = sys.modules.get("datetime")
    if datetime is not None and isinstance(value, datetime.datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise ValueError(f"{name} is a datetime without a time zone: add one, for example tzinfo=timezone.utc")
        since = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        # Rounded up, so that a seek never lands before the moment that was asked for.
        return whole(-(-since // datetime.timedelta(milliseconds=1)), name, 0, INT64_MAX)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be milliseconds since 1970 (int) or an aware datetime, not {kind_of(value)}")
    return whole(value, name, 0, INT64_MAX)


def start(value: Union[str, SupportsIndex], name: str = "start") -> int:
    """An offset, or one of the words 'earliest', 'latest' and 'durable'."""
    if isinstance(value, str):
        if value not in START:
            raise ValueError(f"{name} must be an offset or one of {', '.join(map(repr, START))}, not {value!r}")
        return START[value]
    return whole(value, name, 0, INT64_MAX)


def settings(config: Optional[Mapping[str, Setting]], options: Mapping[str, Setting]) -> Dict[str, str]:
    """Settings by their names in C. Options are spelled with underscores, and without the prefix `ckafka.`."""
    found: Dict[str, str] = {}
    if config is not None and not hasattr(config, "items"):
        raise TypeError(f"config must be a mapping of names to values, not {kind_of(config)}")
    for name, value in (config or {}).items():
        text(name, "a name in config")
        found[name] = _setting(value, name)
    for name, value in options.items():
        dotted = name.replace("_", ".")
        found[dotted if _is_known(dotted) else f"ckafka.{dotted}"] = _setting(value, name)
    return found


def _setting(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TypeError(f"{name} must be a str, a number or a bool, not {kind_of(value)}")


def _is_known(name: str) -> bool:
    with Conf({}) as conf:
        return bool(lib.ckafka_conf_get(conf, name.encode(), None, byref(c_size_t(0))) != InvalidConfig.code)


class Conf:
    """A configuration of C for the length of a `with` block. One in which nothing is set means what NULL means:
    defaults."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._address: Optional[int] = None

    def __enter__(self) -> Optional[int]:
        self._address = lib.ckafka_conf_new()
        if self._address is None:
            raise MemoryError("no memory for a configuration")
        try:
            for name, value in self._values.items():
                check(lib.ckafka_conf_set(self._address, name.encode(), text(value, name)))
        except BaseException:
            self.__exit__()
            raise
        return self._address

    def __exit__(self, *_: Tuple[Any, ...]) -> None:
        lib.ckafka_conf_free(self._address)
        self._address = None
