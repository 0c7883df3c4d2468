"""One program runs under confluent-kafka against a real broker and under ckafka.client against a directory: what it prints
is the same, line by line."""

import os
import pathlib
import subprocess
import sys

import brokers
import pytest

PROGRAM = pathlib.Path(__file__).with_name("client_program.py")


def said(module, servers):
    variables = dict(os.environ, PYTHONPATH=str(PROGRAM.parents[1] / "src"))
    command = [sys.executable, str(PROGRAM), module, servers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=variables, check=False)
    assert done.returncode == 0, f"{module}: {done.stdout}{done.stderr}"
    return done.stdout.splitlines()


def test_the_program_runs_on_a_directory(tmp_path):
    lines = said("ckafka.client", f"file://{tmp_path}/data")
    assert len(lines) > 70 and lines[0] == "made 'orders' None"


def test_a_program_says_the_same_on_a_broker_and_on_a_directory(tmp_path):
    if brokers.missing():
        assert os.environ.get("CI") != "true", f"missing: {brokers.missing()}"
        pytest.skip(f"no broker to compare with, missing: {brokers.missing()}")
    (tmp_path / "broker").mkdir()
    with brokers.broker(tmp_path / "broker") as address:
        theirs = said("confluent_kafka", address)
    ours = said("ckafka.client", f"file://{tmp_path}/data")
    assert ours == theirs
