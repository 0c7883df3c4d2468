"""A real broker for tests and benchmarks: on this machine, for as long as a `with` block, where there are a JVM and Maven."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).with_name("broker.sh")
STOP_S = 30


def missing(python=sys.executable):
    """What a broker and its client want and is not here; empty if nothing is. `python` is what runs the client."""
    wanted = [name for name in ("java", "mvn", "flock") if shutil.which(name) is None]
    if subprocess.run([python, "-c", "import confluent_kafka"], capture_output=True, check=False).returncode:
        wanted.append("confluent-kafka")
    return ", ".join(wanted)


@contextlib.contextmanager
def broker(folder, python=sys.executable):
    """Starts a broker with its files in a folder; where it listens."""
    environment = {**os.environ, "PY": str(python)}
    with open(folder / "broker.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["bash", str(SCRIPT), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )  # fmt: skip
        try:
            address = process.stdout.readline().strip()
            if not address:
                process.wait(STOP_S)
                raise RuntimeError((folder / "broker.log").read_text()[-2000:])
            yield address
        finally:
            process.stdin.close()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
