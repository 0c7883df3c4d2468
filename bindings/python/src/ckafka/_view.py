"""Memory of the log that is lent to Python, and its one owner.

How long a view lives is what could crash a program, so it is kept apart here: `Pin` is the only owner of a view, every
piece of memory that leaves the package holds it, and it lets go when nobody can reach that memory any more.
"""

from __future__ import annotations

import ctypes

from ._lib import lib

_untrack = ctypes.pythonapi.PyObject_GC_UnTrack
_untrack.argtypes = (ctypes.py_object,)
_untrack.restype = None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Pin(int):
    """A view's address, and its owner: the view is released when the last reference is gone, and never before.

    The cyclic collector must not know of it. That one runs the finalizers and weak references of a dead cycle in any order,
    while other finalizers of it can still touch the memory, or bring it back to life. What it does not track it leaves
    alone, so that this finalizer runs only when the count of references is zero.
    """

    __slots__ = ()

    def __init__(self, address: int) -> None:
        _untrack(self)

    def __del__(self, _release: Callable[[int], None] = lib.ckafka_view_release) -> None:
        _release(self)


def empty(form: Any) -> memoryview:
    """No items of a struct form."""
    return memoryview(b"").cast(form)


def memory(pin: Pin, kind: Any, form: Any, address: int, count: int) -> memoryview:
    """`count` items of a ctypes kind, struct form `form`, that belong to a view: read-only, and keeps the view."""
    if not count:
        return empty(form)
    array = (kind * count).from_address(address)
    array._pin = pin
    return memoryview(array).cast("B").cast(form).toreadonly()
