"""Finds the shared library, checks that it speaks the interface of `_api`, and hands out its functions.

`lib.ckafka_open` and so on are ready to be called: arguments are checked against the table, and the interpreter lock is
released unless `_api.KEEPS_GIL` names the function. Results are what C answers; `errors.check` makes exceptions of them.
"""

from __future__ import annotations

import ctypes
import os
from . import _api
from .errors import LibraryNotFound, LibraryVersionMismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, List, Tuple

SONAME = "libckafka.so.0"
VARIABLE = "CKAFKA_LIBRARY"


def _candidates() -> Iterator[Tuple[str, Callable[[], str]]]:
    """Where the library may be, in order: a word for each place, and what finds its path (slow ones are not called
    before it is their turn)."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        yield f"{VARIABLE}={chosen}", lambda: chosen
        return
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), SONAME)
    yield f"beside the package, {beside}", lambda: _existing(beside)
    yield f"{SONAME} on the loader's path (LD_LIBRARY_PATH, ldconfig)", lambda: SONAME
    yield "ctypes.util.find_library('ckafka')", _found_by_name


def _existing(path: str) -> str:
    if not os.path.exists(path):
        raise OSError("no such file")
    return path


def _found_by_name() -> str:
    from ctypes.util import find_library

    name = find_library("ckafka")
    if name is None:
        raise OSError("it knows no such library")
    return name


def _abi_mismatch(library: ctypes.CDLL) -> str:
    """What is wrong with a library's version; empty if nothing is."""
    try:
        version = library.ckafka_abi_version
    except AttributeError:
        return "it is not libckafka: it has no ckafka_abi_version"
    version.restype = ctypes.c_int32
    found = version()
    major, minor = divmod(_api.ABI_VERSION, 1000)
    found_major, found_minor = divmod(found, 1000)
    fits = found == _api.ABI_VERSION if major == 0 else found_major == major and found_minor >= minor
    if fits:
        return ""
    return f"its interface is version {found_major}.{found_minor}, this package needs {major}.{minor}"


class Library:
    """The functions of one loaded library, each under its C name; `path` is what the loader was asked for."""

    path: str

    def __init__(self, path: str) -> None:
        self.path = path
        releasing = ctypes.CDLL(path)
        problem = _abi_mismatch(releasing)
        if problem:
            raise LibraryVersionMismatch(f"{path}: {problem}")
        keeping = ctypes.PyDLL(path)
        for name, (result, arguments) in _api.FUNCTIONS.items():
            function = getattr(keeping if name in _api.KEEPS_GIL else releasing, name)
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)
        # Another function object, whose arguments ctypes does not check: for the one call that has to be quick.
        self.append_packed_unchecked = releasing["ckafka_append_packed"]
        self.append_packed_unchecked.restype = ctypes.c_int32

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.path} has no function {name} in the table of declarations")


def load() -> Library:
    """The first library that can be loaded and fits. `LibraryNotFound` lists every place and why it was not it."""
    tried: List[str] = []
    mismatch = False
    for place, find in _candidates():
        try:
            return Library(find())
        except LibraryVersionMismatch as error:
            mismatch = True
            tried.append(f"{place}: {error}")
        except (OSError, AttributeError) as error:
            tried.append(f"{place}: {error}")
    text = "libckafka was not found. Tried:\n" + "".join(f"  - {line}\n" for line in tried)
    text += f"Set {VARIABLE} to the path of {SONAME}, or install it where the loader looks."
    raise (LibraryVersionMismatch if mismatch else LibraryNotFound)(text)


lib: Any = load()
