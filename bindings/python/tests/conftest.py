"""What all tests share: the package from the source tree, the built library, and a fresh directory for each test."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
PROJECT = PACKAGE.parents[1]
LIBRARY = pathlib.Path(os.environ.get("CKAFKA_LIBRARY") or PROJECT / "build" / "libckafka.so").absolute()

os.environ["CKAFKA_LIBRARY"] = str(LIBRARY)
if not os.environ.get("CKAFKA_INSTALLED"):
    sys.path.insert(0, str(PACKAGE / "src"))

import ckafka  # noqa: E402  (it has to be found first)

# A job in the background begins with SIGINT ignored, and so would all that it starts: then no wait could be broken by it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Slow tests run where they are asked for."""
    if not os.environ.get("CKAFKA_SLOW"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: CKAFKA_SLOW=1 runs it"))


@pytest.fixture
def path(tmp_path):
    """A place for a data directory."""
    return str(tmp_path / "data")


@pytest.fixture
def env(path):
    """An open data directory with a topic "t" of two partitions."""
    with ckafka.open(path, create=True) as opened:
        opened.create_topic("t", partitions=2)
        yield opened


@pytest.fixture
def log(env):
    """The log t-0."""
    return env.log("t")


@pytest.fixture
def run(tmp_path):
    """Runs Python code in a process of its own: what it printed. It fails if the process does."""

    def run_code(code, *arguments, status=0, timeout=60, **environment):
        variables = dict(os.environ, PYTHONPATH=str(PACKAGE / "src"), PYTHONFAULTHANDLER="1")
        variables.update({name: value for name, value in environment.items() if value is not None})
        for name in (name for name, value in environment.items() if value is None):
            variables.pop(name, None)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
            capture_output=True, text=True, timeout=timeout, env=variables, cwd=tmp_path, check=False,
        )  # fmt: skip
        assert done.returncode == status, f"exit {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + (done.stderr if status else "")

    return run_code
