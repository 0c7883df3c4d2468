"""The package's types are complete and right, for two checkers; and a program that misuses them is told so."""

import shutil
import subprocess
import sys

import pytest
from conftest import PACKAGE

PROGRAM = """
import asyncio
from datetime import datetime, timezone

import ckafka

with ckafka.open("data", create=True, segment_bytes=1 << 20) as env:
    env.create_topic("t", partitions=2, exist_ok=True)
    log = env.log("t")
    offset: int = log.append(b"v", key=b"k", headers={"h": b"1", "n": None}, timestamp=datetime.now(timezone.utc))
    log.append_many([(b"k", b"v"), b"v", (None, b"v", [("h", None)]), (None, None, None, 5)])
    for record in log.read():
        value: bytes | None = record.value
    with log.reader("latest", follow=True, isolation_level="read_committed") as reader, reader.fetch(timeout=0.5) as batch:
        views: list[memoryview | None] = list(batch.values(buffers=True))
        parts: list[bytes | None] = list(batch.values())
        for number, time, key, view in batch.iter(buffers=True):
            pass

async def main() -> int:
    async with ckafka.aopen("data") as env:
        async for record in env.log("t").follow("earliest"):
            return record.offset
    return await env.log("t").append_durable(b"v")
"""
WRONG = [
    "log.append('text')",
    "number: str = log.append(b'v')",
    "log.append(b'v', headers={'h': 'text'})",
    "log.reader(1.5)",
    "env.create_topic(b't')",
]


def check(tool, *arguments):
    """What a checker says; it has the settings of pyproject.toml."""
    command = [sys.executable, "-m", tool, *map(str, arguments)]
    done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """What mypy found out once."""
    pytest.importorskip("mypy")
    return f"--cache-dir={tmp_path_factory.mktemp('mypy')}"


def test_mypy_strict(cache):
    status, said = check("mypy", cache)
    assert status == 0, said


@pytest.mark.slow
def test_pyright():
    """It is a Node program; where there is none it would fetch one, which a test must not."""
    pytest.importorskip("pyright")
    if shutil.which("node") is None:
        pytest.skip("pyright needs node: apt-get install -y nodejs")
    status, said = check("pyright", "--pythonpath", sys.executable)
    assert status == 0, said


def test_a_program_is_checked_against_them(tmp_path, cache):
    right = PROGRAM + "log = ckafka.open('data').log('t')\nenv = ckafka.open('data')\n"
    (tmp_path / "right.py").write_text(right)
    (tmp_path / "wrong.py").write_text(right + "\n".join(WRONG) + "\n")
    status, said = check("mypy", cache, tmp_path / "right.py")
    assert status == 0, said
    said = check("mypy", cache, tmp_path / "wrong.py")[1]
    assert said.count("error:") >= len(WRONG), said
