"""The table of declarations is the header, line by line: functions with their arguments, structures, constants.

The header is read by the C preprocessor and cffi's parser, not by anything of ours.
"""

import ctypes
import re
import subprocess

import cffi
import pytest
from conftest import PROJECT

from ckafka import _api

HEADER = PROJECT / "include" / "ckafka.h"
HANDLES = {"ckafka_batch_t", "ckafka_conf_t", "ckafka_log_t", "ckafka_reader_t", "ckafka_sender_t", "ckafka_t", "ckafka_view_t"}
NUMBERS = {
    "int32_t": ctypes.c_int32, "uint32_t": ctypes.c_uint32, "int64_t": ctypes.c_int64, "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t, "int": ctypes.c_int,
}  # fmt: skip


@pytest.fixture(scope="module")
def parsed():
    text = subprocess.run(
        ["gcc", "-E", "-P", "-D__attribute__(x)=", str(HEADER)], capture_output=True, text=True, check=True
    ).stdout
    own = text[text.index("typedef struct ckafka_") :]
    ffi = cffi.FFI()
    ffi.cdef(own)
    found = re.findall(r"^([\w *]+?)\b(ckafka_\w+)\s*\(([^)]*)\)\s*;", own, re.M)
    assert len(found) == sum(name.startswith("function ") for name in ffi._parser._declarations)
    return ffi, {name: (result.strip(), [" ".join(part.split()) for part in text.split(",")]) for result, name, text in found}


def constants():
    text = HEADER.read_text()
    return {name: int(value.strip("()")) for name, value in re.findall(r"^#define (CKAFKA_\w+) (\(?-?\d+\)?)$", text, re.M)}



def expected(text):
    """The ctypes class for a C type: what the header says and the table has to."""
    words = text.replace("*", " * ").split()
    stars, is_const = words.count("*"), words[0] == "const"
    base = next(word for word in words if word not in ("const", "*"))
    if stars == 0:
        return ctypes.c_int32 if base == "ckafka_err_t" else NUMBERS[base]
    if stars == 2:
        return ctypes.POINTER(ctypes.c_void_p)
    if base in HANDLES or base == "void":
        return ctypes.c_void_p
    if base == "char":
        return ctypes.c_char_p if is_const else ctypes.c_void_p
    if is_const:
        return ctypes.c_void_p  # an array or a row that is only read
    return ctypes.POINTER(_api.STRUCTURES.get(base) or NUMBERS[base])


def test_every_function_and_no_other(parsed):
    _, declared = parsed
    assert set(declared) == set(_api.FUNCTIONS)
    assert _api.KEEPS_GIL <= set(_api.FUNCTIONS)


@pytest.mark.parametrize("name", sorted(_api.FUNCTIONS))
def test_function(parsed, name):
    found, texts = parsed[1][name]
    result, arguments = _api.FUNCTIONS[name]
    parameters = [] if texts == ["void"] else [re.sub(r"\w+$", "", part).strip() for part in texts]
    assert [expected(parameter) for parameter in parameters] == list(arguments)
    assert result is (None if found == "void" else expected(found))


@pytest.mark.parametrize("name", sorted(_api.STRUCTURES))
def test_structure(parsed, name):
    ffi, _ = parsed
    ours, theirs = _api.STRUCTURES[name], ffi.typeof(name)
    assert ctypes.sizeof(ours) == ffi.sizeof(theirs)
    assert [field for field, _ in ours._fields_] == [field for field, _ in theirs.fields]
    for field, description in theirs.fields:
        mine = getattr(ours, field)
        assert (mine.offset, mine.size) == (description.offset, ffi.sizeof(description.type)), field
        kind = dict(ours._fields_)[field]
        if description.type.kind == "primitive":
            is_signed = kind(-1).value == -1
            assert is_signed == (int(ffi.cast(description.type, -1)) == -1), field


def test_rows_are_packed_as_the_structure_lies():
    from ckafka import _records

    assert _records._ROW.size == ctypes.sizeof(_api.RecordIn)
    row = _api.RecordIn.from_buffer_copy(_records._ROW.pack(1, 2, 3, 4, 5, 6, -7))
    assert (row.key.data, row.key.len, row.value.data, row.value.len) == (1, 2, 3, 4)
    assert (row.headers.data, row.headers.len, row.ts) == (5, 6, -7)


def test_constants():
    found = constants()
    assert found == _api.CONSTANTS
    assert found["CKAFKA_VERSION_MAJOR"] * 1000 + found["CKAFKA_VERSION_MINOR"] == _api.ABI_VERSION


def test_every_error_has_a_class():
    from ckafka import errors

    codes = {value for name, value in constants().items() if name.startswith("CKAFKA_ERR_")}
    assert codes == set(errors.BY_CODE)
    assert errors.error_of(-1002, "there").symbol == "CKAFKA_ERR__CORRUPT"
