"""Every example is short, and does what it says: run as a user would, in processes of its own."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import PACKAGE, PROJECT

EXAMPLES = PACKAGE / "examples"
QUAKES = PROJECT / "c-examples" / "data" / "earthquakes.ndjson"
LINES = 60


def variables():
    return dict(os.environ, PYTHONPATH=str(PACKAGE / "src"), PYTHONDONTWRITEBYTECODE="1")


def start(name, *arguments):
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables())


def example(name, *arguments):
    process = start(name, *arguments)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output.splitlines()


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_short_enough_to_read(path):
    if path.suffix == ".ipynb":
        lines = [line for cell in json.loads(path.read_text())["cells"] for line in cell["source"]]
    else:
        lines = path.read_text().splitlines()
    assert len(lines) < LINES, f"{len(lines)} lines"


def test_spool(tmp_path):
    assert example("spool.py", tmp_path / "d", "put", "one", "two") == ["on disk at offset 0", "on disk at offset 1"]
    assert example("spool.py", tmp_path / "d", "drain") == ["one", "two"]
    assert example("spool.py", tmp_path / "d", "put", "three") == ["on disk at offset 2"]
    assert example("spool.py", tmp_path / "d", "drain") == ["three"]
    assert example("spool.py", tmp_path / "d", "drain") == []


def said_last(process):
    """The lines of a killed process that were not read yet. (communicate() would not know of those that readline() read ahead.)"""
    with process.stdout, process.stderr:
        lines = process.stdout.read().splitlines()
    process.wait(30)
    return lines


def test_spool_goes_on_after_a_kill(tmp_path):
    """A drain that is killed at some line leaves the rest, in order; what was acknowledged to a killed writer is there."""
    lines = [f"line {number}" for number in range(400)]
    writer = start("spool.py", tmp_path / "d", "put", *lines)
    acknowledged = [writer.stdout.readline() for _ in range(150)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += said_last(writer)
    drain = start("spool.py", tmp_path / "d", "drain")
    got = [drain.stdout.readline().rstrip("\n") for _ in range(40)]
    drain.send_signal(signal.SIGKILL)
    got += said_last(drain)
    got = [line for line in got if line]
    again = example("spool.py", tmp_path / "d", "drain")
    whole = got + (again[1:] if again and got and again[0] == got[-1] else again)
    assert whole == lines[: len(whole)] and len(whole) >= len(acknowledged) >= 150


def test_bus(tmp_path):
    said = [line.split() for line in example("bus.py", tmp_path / "d")]
    assert [int(offset) for offset, _, _ in said] == list(range(10))
    for name in ("orders", "payments"):
        assert [int(number) for _, who, number in said if who == name] == list(range(5))


def test_recorder(tmp_path):
    count = len(QUAKES.read_text().splitlines())
    assert example("recorder.py", tmp_path / "d", "record", QUAKES) == [f"{count} events recorded"]
    times = sorted(json.loads(line)["properties"]["time"] for line in QUAKES.read_text().splitlines())
    begin = times[len(times) // 2] // 1000 * 1000
    moment = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(begin / 1000))
    said = example("recorder.py", tmp_path / "d", "play", moment, 3600)
    assert len(said) == sum(begin <= at < begin + 3_600_000 for at in times) > 0
    assert [line[:19] for line in said] == sorted(line[:19] for line in said)


def test_send_records(tmp_path):
    import ckafka

    with ckafka.open(tmp_path / "from", create=True) as env:
        env.create_topic("records")
        for number in range(20):
            env.log("records").append_many([(b"k", b"%d" % number * 100)] * 50)
    server = start("send_records.py", tmp_path / "from", "serve", 0)
    port = server.stdout.readline().split()[-1]
    assert example("send_records.py", tmp_path / "to", "receive", port) == ["received 1000 records"]
    assert server.communicate(timeout=30)[0] == "sent up to offset 1000\n" and server.returncode == 0
    with ckafka.open(tmp_path / "from") as sent, ckafka.open(tmp_path / "to") as received:
        assert list(sent.log("records").read()) == list(received.log("records").read())


def test_notebook(tmp_path):
    """Its cells, one after the other, as a kernel runs them."""
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    cells = json.loads((EXAMPLES / "notebook.ipynb").read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    check = "\nassert len(quakes) > 1000 and quakes['magnitude'].max() > 5, quakes\nfigure.savefig('plot.png')\n"
    environment = dict(
        variables(), MPLBACKEND="Agg", MPLCONFIGDIR=str(tmp_path), CKAFKA_NOTEBOOK_DIR=str(tmp_path / "d"), CKAFKA_NOTEBOOK_FILE=str(QUAKES)
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "plot.png").stat().st_size > 5000


KERNEL = """
import nbclient, nbformat, sys
notebook = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
for cell in notebook.cells:
    if cell.cell_type == "code":
        print(*sorted({kind for output in cell.outputs for kind in output.get("data", {})}) or ["nothing"])
"""


@pytest.mark.slow
def test_notebook_in_a_kernel(tmp_path):
    """As a notebook: in a kernel, cell by cell, with the table and the plot that a browser would show."""
    for needed in ("pandas", "matplotlib", "nbclient", "ipykernel"):
        pytest.importorskip(needed)
    places = {name: str(tmp_path) for name in ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = dict(variables(), **places, MPLCONFIGDIR=str(tmp_path), CKAFKA_NOTEBOOK_DIR=str(tmp_path / "d"), CKAFKA_NOTEBOOK_FILE=str(QUAKES))
    command = [sys.executable, "-c", KERNEL, str(EXAMPLES / "notebook.ipynb")]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        shown = done.stdout.splitlines()
        assert any("text/html" in kinds for kinds in shown) and any("image/png" in kinds for kinds in shown), shown
