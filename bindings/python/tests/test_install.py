"""The wheel installs where there is neither Rust nor a compiler, and runs the examples of both READMEs."""

import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest
from conftest import LIBRARY, PACKAGE, PROJECT


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The wheel and the source archive, made as `make wheel` makes them."""
    pytest.importorskip("hatchling")
    pytest.importorskip("auditwheel")
    place = tmp_path_factory.mktemp("dist")
    build = pathlib.Path(os.path.realpath(LIBRARY)).parent
    subprocess.run([PROJECT / "scripts" / "wheel", build, place], check=True, env=dict(os.environ, PYTHON=sys.executable))
    return place


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory):
    """Runs Python in a fresh environment with the wheel, and a PATH with nothing on it."""
    place = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    variables = {"PATH": str(place / "nothing"), "HOME": str(place)}
    (wheel,) = dist.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-index", wheel], check=True, env=variables)

    def run(code, cwd):
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, env=variables, cwd=cwd, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_wheel(dist):
    (wheel,) = dist.glob("*.whl")
    assert re.fullmatch(r"ckafka-\d+\.\d+\.\d+-py3-none-manylinux_2_\d+_x86_64\.whl", wheel.name)
    assert wheel.stat().st_size < 3 << 20
    names = zipfile.ZipFile(wheel).namelist()
    assert {"ckafka/libckafka.so.0", "ckafka/py.typed"} <= set(names)
    assert [name for name in names if "THIRD-PARTY" in name], "licences of what is linked in are missing"
    said = subprocess.run([sys.executable, "-m", "auditwheel", "show", wheel], capture_output=True, text=True, check=True).stdout
    assert "manylinux" in said


@pytest.mark.parametrize("readme", ["README.md", "bindings/python/README.md"])
def test_the_example_of_the_readme(installed, tmp_path, readme):
    example = re.search(r"```python\n(import ckafka\n.*?)```", (PROJECT / readme).read_text(), re.S)[1]
    assert "b'21.5'" in installed(example, tmp_path)
    assert "b'21.5'" in installed(example, tmp_path), "the second time, in the same directory"


def test_the_library_inside_is_the_one_that_is_used(installed, tmp_path):
    assert installed("import ckafka; print(ckafka.library_path())", tmp_path).strip().endswith("site-packages/ckafka/libckafka.so.0")


def test_the_source_archive(dist, tmp_path, run):
    """It makes a pure wheel, which finds a library that is installed."""
    (archive,) = dist.glob("*.tar.gz")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w", tmp_path, archive]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("py3-none-any.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import ckafka; print(ckafka.__file__, ckafka.library_version())"
    assert str(tmp_path / "site") in run(code, PYTHONPATH=str(tmp_path / "site"))


def test_versions_agree():
    import ckafka

    crate = re.search(r'^version = "(.*)"$', (PROJECT / "Cargo.toml").read_text(), re.M)[1]
    assert ckafka.__version__ == crate == ckafka.library_version()
    assert (PACKAGE / "src" / "ckafka" / "py.typed").exists()
