"""Directories that real brokers wrote open here, and every record is what an independent consumer made of it."""

import base64
import json
import pathlib
import shutil

import ckafka
import pytest
from conftest import PROJECT

GOLDEN = PROJECT / "tests" / "golden" / "kafka"
EXPECTED = sorted(
    path.relative_to(GOLDEN)
    for path in GOLDEN.glob("*/*/expected/*.jsonl")
    if (path.parents[1] / "log-dir").exists() and path.parents[1].name != "old-format"
)


def part(text):
    return None if text is None else base64.b64decode(text)


def records(path):
    for line in path.read_text().splitlines():
        record = json.loads(line)
        headers = [(name, part(value)) for name, value in record["headers"] or []]
        yield record["offset"], record["timestamp"], part(record["key"]), part(record["value"]), headers


@pytest.mark.parametrize("expected", EXPECTED, ids=str)
def test_every_record(tmp_path, expected):
    case = GOLDEN / expected.parents[1]
    copy = tmp_path / "data"
    shutil.copytree(case / "log-dir", copy, symlinks=True)
    name = pathlib.Path(expected.name.removesuffix(".jsonl"))
    options = {"isolation_level": "read_committed"} if name.suffix == ".read_committed" else {}
    topic, _, partition = name.stem.rpartition("-") if options else str(name).rpartition("-")
    with ckafka.open(copy, readonly=True) as env, env.log(topic, int(partition)).reader(**options) as reader:
        assert list(reader) == list(records(GOLDEN / expected))


def test_a_program_goes_on_where_the_broker_stopped(tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(GOLDEN / "kafka-4.3.0" / "none" / "log-dir", copy, symlinks=True)
    with ckafka.open(copy) as env:
        log = env.log("none-java")
        end = log.watermarks().end
        assert log.append_durable(b"ours", key=b"k") == end
        assert [record.value for record in log.read(end)] == [b"ours"]


def test_old_formats_are_named(tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(GOLDEN / "kafka-3.9.2" / "old-format" / "log-dir", copy, symlinks=True)
    with ckafka.open(copy, readonly=True) as env:
        old = next(topic for topic in env.topics() if topic.name.startswith("v0"))
        with pytest.raises(ckafka.UnsupportedMessageFormat, match="magic"):
            list(env.log(old.name).read())
