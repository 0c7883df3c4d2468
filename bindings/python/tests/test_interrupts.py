"""Ctrl-C also ends the waits for what another process holds; then nothing of the call was done, and nothing is done twice."""

import fcntl
import os
import random
import re
import select
import signal
import subprocess
import sys
import threading
import time

import ckafka
import pytest
from conftest import PACKAGE

WRITER = """
import ckafka, sys
log = ckafka.open(sys.argv[1], append_mode="pwrite").log("t")
print("appending", flush=True)
while True:
    log.append(bytes(200_000))
"""
"""A process that is in the locked section of an append most of the time."""

APPENDS = {
    "append": "log.append(b'mine')",
    "append with headers": "log.append(b'mine', headers={'h': b'1'})",
    "append_many": "log.append_many([(b'k', b'mine'), (b'k', None)])",
    "append_values": "log.append_values([b'mine'] * 3)",
    "append_durable": "log.append_durable(b'mine')",
    "append_many_durable": "log.append_many_durable([(b'k', b'mine')])",
}

AT_THE_GATE = {
    "open": "ckafka.open(path)",
    "open for reading": "ckafka.open(path, readonly=True)",
    "create_topic": "env.create_topic('new')",
    "delete_topic": "env.delete_topic('t')",
    "log": "env.log('t', 1)",
}

WAITING = """
import ckafka, sys
path = sys.argv[1]
if {opened}:
    env = ckafka.open(path)
    log = env.log("t")
print("waiting", flush=True)
for _ in range(3):
    sys.stdin.readline()
    try:
        print("now", flush=True)
        {wait}
    except KeyboardInterrupt:
        print("broken", flush=True)
sys.stdin.readline()
env = ckafka.open(path)
print([topic.name for topic in env.topics()], env.log("t").append(b"after"))
env.close()
"""


def start(code, path):
    environment = dict(os.environ, PYTHONPATH=str(PACKAGE / "src"), PYTHONFAULTHANDLER="1")
    command = [sys.executable, "-c", code, path]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def end(process):
    process.kill()
    process.communicate()


@pytest.fixture
def place(path):
    """A directory with a topic, closed."""
    with ckafka.open(path, create=True) as env:
        env.create_topic("t", partitions=2)
    return path


@pytest.fixture
def holder(place):
    """A process that holds the lock of the partition, and does not move."""
    process = start(WRITER, place)
    try:
        assert process.stdout.readline() == "appending\n"
        with ckafka.open(place, lock_timeout_ms=0) as env:
            log = env.log("t")
            for _ in range(500):
                time.sleep(random.uniform(0.0005, 0.003))
                process.send_signal(signal.SIGSTOP)
                os.waitpid(process.pid, os.WUNTRACED)
                try:
                    log.append(b"probe")
                except ckafka.Timeout:
                    break
                process.send_signal(signal.SIGCONT)
            else:
                pytest.fail("the writer was never stopped in its locked section")
        yield process
    finally:
        end(process)


def broken_by_control_c(path, wait, held, let_go):
    """A process whose wait a signal has ended at once, `held` being what it waited for: what it says when that was let go."""
    process = start(WAITING.format(wait=wait, opened=not wait.startswith("ckafka.open")), path)
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        assert process.stdout.readline() == "waiting\n"
        held()
        took = []
        for _ in range(3):
            process.stdin.write("wait\n")
            process.stdin.flush()
            assert process.stdout.readline() == "now\n"
            time.sleep(0.3)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "broken\n"
            took.append(time.monotonic() - begun)
        assert min(took) < 0.5, "a machine may stand still once"
        let_go()
        said, _ = process.communicate("go on\n", timeout=30)
        assert process.returncode == 0
        return said
    finally:
        guard.cancel()
        end(process)


@pytest.mark.parametrize("append", APPENDS)
def test_control_c_breaks_an_append_that_waits_for_another_process(place, holder, append):
    said = broken_by_control_c(place, APPENDS[append], lambda: None, lambda: end(holder))
    with ckafka.open(place) as env:
        values = [record.value for record in env.log("t").read()]
    assert set(values) <= {bytes(200_000), b"probe", b"after"}, "nothing of the append is there"
    assert values[-1] == b"after" and said == f"['t'] {len(values) - 1}\n"


@pytest.mark.parametrize("wait", AT_THE_GATE)
def test_control_c_breaks_a_wait_for_the_directory(place, wait):
    with open(os.path.join(place, ".lock"), "r+b") as gate:
        hold, let_go = (lambda: fcntl.lockf(gate, fcntl.LOCK_EX, 1, 1)), (lambda: fcntl.lockf(gate, fcntl.LOCK_UN, 1, 1))
        assert broken_by_control_c(place, AT_THE_GATE[wait], hold, let_go) == "['t'] 0\n"


def test_a_lock_that_is_never_had_is_named_when_its_time_is_over(place, holder):
    with ckafka.open(place, lock_timeout_ms=700) as env:
        log = env.log("t")
        for append in (log.append, log.append_durable, lambda value: log.append_many([(None, value)])):
            begun = time.monotonic()
            with pytest.raises(ckafka.Timeout) as caught:
                append(b"mine")
            assert 0.69 < time.monotonic() - begun < 20
            # In milliseconds where the machine stood still, and the last look was the library's own.
            assert re.search(r"timed out after (0\.7 s|[7-9]\d\d ms|\d{4,} ms) waiting for the \w+ word of .*t-0, held by slot \d", str(caught.value))
            assert caught.value.offset is None


def test_a_signal_that_nobody_minds_leaves_one_append(place, holder):
    seen = []

    def handle(*_):
        seen.append(1)
        if len(seen) == 20:
            end(holder)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        with ckafka.open(place) as env:
            log = env.log("t")
            signal.setitimer(signal.ITIMER_REAL, 0.03, 0.03)
            offset = log.append(b"mine")
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert [record.offset for record in log.read() if record.value == b"mine"] == [offset]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(seen) >= 20


STORM = """
import ckafka, signal, sys, time
env = ckafka.open(sys.argv[1])
log = env.log("t")
reader = log.reader("latest")
offsets, fetched, turn, broken = {}, [], 0, 0
armed, struck = False, 0.0

def control_c(*_):
    # Once for each turn of the loop below; and again where a finalizer has swallowed it.
    global armed, struck
    now = time.monotonic()
    if armed or now - struck > 0.1:
        armed, struck = False, now
        raise KeyboardInterrupt

def work():
    global turn
    while True:
        turn += 1
        name = b"%d" % turn
        if turn % 3 == 0:
            offsets[turn] = log.append_durable(name, key=b"1")
        elif turn % 3 == 1:
            offsets[turn] = log.append_many([(b"5", name)] * 5)
        else:
            fetched.append([record.offset for record in reader.fetch(timeout=0.002)])

signal.signal(signal.SIGINT, control_c)
print("ready", flush=True)
while broken < 100 or len(offsets) <= 20 or sum(map(len, fetched)) <= 20:
    try:
        armed = True
        work()
    except KeyboardInterrupt:
        broken += 1
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("quiet", flush=True)
fetched.append([record.offset for record in reader.fetch(1 << 30)])
there = {}
for record in log.read():
    there.setdefault(int(record.value), []).append((record.offset, int(record.key)))
for turn, found in there.items():
    first, count = found[0]
    assert found == [(first + more, count) for more in range(count)], (turn, found)
for turn, offset in offsets.items():
    assert there[turn][0][0] == offset, (turn, offset, there[turn])
seen = [offset for batch in fetched for offset in batch]
assert seen == sorted(set(seen)), seen
assert reader.position == log.watermarks().end
env.close()
print(len(offsets), len(there), len(seen))
"""


def test_many_signals_double_and_tear_nothing(place):
    process = start(STORM, place)
    try:
        assert process.stdout.readline() == "ready\n"
        quiet, until = select.poll(), time.monotonic() + 60
        quiet.register(process.stdout, select.POLLIN)
        while not quiet.poll(random.uniform(0.5, 5)):
            assert time.monotonic() < until
            process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        acknowledged, there, seen = map(int, said.split()[1:])
        assert there >= acknowledged > 20 and seen > 20, said
    finally:
        end(process)
    with ckafka.open(place) as env:
        assert env.recovery_report["findings"] == [], "it was closed in order"


def test_a_handler_that_raises_as_records_are_in_the_log_has_them_there_once(log, monkeypatch):
    """Also an error of a kind that a list of records that cannot be packed has."""
    from ckafka._lib import lib

    append_packed = lib.ckafka_append_packed

    def append_and_raise(*arguments):
        append_packed(*arguments)
        raise ValueError("a handler's own")

    monkeypatch.setattr(lib, "ckafka_append_packed", append_and_raise)
    for append in (lambda: log.append_many([(b"k", b"many")] * 2), lambda: log.append_values([b"value"])):
        with pytest.raises(ValueError, match="a handler's own"):
            append()
    assert [record.value for record in log.read()] == [b"many", b"many", b"value"]


@pytest.mark.parametrize("opening", ["ckafka.open(path)", "log.reader()", "log.sender()", "env.log('t')"])
def test_an_opening_that_is_interrupted_at_its_end_leaves_nothing_open(path, run, opening):
    """A handler that raises as C returns: the directory is closed in order all the same, without another handle in it."""
    run(f"""
import ckafka, gc, sys
from ckafka._lib import lib
path = {path!r}
with ckafka.open(path, create=True) as env:
    env.create_topic("t")
    log = env.log("t")
    for name in ("ckafka_open", "ckafka_reader_open", "ckafka_sender_open", "ckafka_log_open"):
        def open_and_raise(*arguments, function=getattr(lib, name)):
            assert function(*arguments) == 0
            raise KeyboardInterrupt
        setattr(lib, name, open_and_raise)
    try:
        {opening}
    except KeyboardInterrupt:
        log.append(b"v")
    else:
        raise AssertionError("not interrupted")
    known = len(env._children)
    assert known == 1, env._children
import os
assert os.path.exists(os.path.join(path, ".kafka_cleanshutdown")), os.listdir(path)
""")
