"""How the library is found, what is said when it is not, and what importing the package costs."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import LIBRARY, PACKAGE

WHERE = "import ckafka; print(ckafka.library_path())"


@pytest.fixture
def package(tmp_path):
    """A copy of the package, to put a library beside."""
    place = tmp_path / "site"
    shutil.copytree(PACKAGE / "src" / "ckafka", place / "ckafka", ignore=shutil.ignore_patterns("libckafka*", "__pycache__"))
    return place


def test_the_variable_is_obeyed_and_nothing_else(run, package):
    shutil.copy(LIBRARY, package / "ckafka" / "libckafka.so.0")
    assert run(WHERE, CKAFKA_LIBRARY=str(LIBRARY), PYTHONPATH=str(package)).strip() == str(LIBRARY)
    said = run(WHERE, CKAFKA_LIBRARY="/nowhere/libckafka.so", PYTHONPATH=str(package), status=1)
    assert "LibraryNotFound" in said and "/nowhere/libckafka.so" in said and "beside the package" not in said


def test_beside_the_package(run, package):
    shutil.copy(LIBRARY, package / "ckafka" / "libckafka.so.0")
    found = run(WHERE, CKAFKA_LIBRARY=None, PYTHONPATH=str(package)).strip()
    assert found == str(package / "ckafka" / "libckafka.so.0")


def test_on_the_path_of_the_loader(run, package, tmp_path):
    folder = tmp_path / "lib"
    folder.mkdir()
    shutil.copy(LIBRARY, folder / "libckafka.so.0")
    assert run(WHERE, CKAFKA_LIBRARY=None, PYTHONPATH=str(package), LD_LIBRARY_PATH=str(folder)).strip() == "libckafka.so.0"


def test_not_found_lists_every_place_and_why(run, package):
    (package / "ckafka" / "libckafka.so.0").write_bytes(b"not a library")
    said = run(WHERE, CKAFKA_LIBRARY=None, PYTHONPATH=str(package), LD_LIBRARY_PATH=None, status=1)
    assert "LibraryNotFound" in said and "CKAFKA_LIBRARY" in said
    for words in ("beside the package", "file too short", "LD_LIBRARY_PATH", "cannot open shared object", "find_library", "knows no such"):
        assert words in said, words


@pytest.mark.parametrize("version", [0, 2, 1001, -1])
def test_another_version_of_the_interface(run, tmp_path, version):
    source, library = tmp_path / "other.c", tmp_path / "libother.so"
    source.write_text(f"int ckafka_abi_version(void) {{ return {version}; }}")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    said = run(WHERE, CKAFKA_LIBRARY=str(library), status=1)
    assert "LibraryVersionMismatch" in said and "this package needs 0.1" in said


def test_a_library_of_something_else(run, tmp_path):
    source, library = tmp_path / "other.c", tmp_path / "libother.so"
    source.write_text("int something;")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    assert "it is not libckafka" in run(WHERE, CKAFKA_LIBRARY=str(library), status=1)


def test_what_is_not_needed_is_not_imported(run):
    run("""
import ctypes, sys
before = set(sys.modules)
import ckafka
for name in ("asyncio", "numpy", "json", "datetime", "typing", "threading", "select", "pyarrow", "pandas"):
    assert name not in sys.modules or name in before, name
""")


def test_importing_takes_less_than_30_ms():
    """Processor time beside that of an interpreter that does nothing; the least of several, as machines are busy."""
    def cost(code):
        before = os.times()
        subprocess.run([sys.executable, "-S", "-E", "-c", code], check=True, env=dict(os.environ))
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    setup = f"import sys; sys.path.insert(0, {str(PACKAGE / 'src')!r})"
    costs = [(cost(f"{setup}\nimport ckafka"), cost(setup)) for _ in range(15)]
    with_it, without = (min(column) for column in zip(*costs))
    assert with_it - without < 0.030, f"{[[round(1e3 * c) for c in pair] for pair in costs]} ms"
