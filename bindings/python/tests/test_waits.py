"""Waits end when they should: by records, time, signals, wake-ups and closing; and other threads run meanwhile."""

import signal
import subprocess
import sys
import threading
import time

import ckafka
import pytest

WAITS = {
    "fetch": "log.reader('latest').fetch(timeout=None)",
    "fetch with a timeout": "log.reader('latest').fetch(timeout=60)",
    "follow": "list(log.reader('latest', follow=True))",
    "wait_durable": "log.wait_durable(10**6)",
    "wait_durable with a timeout": "log.wait_durable(10**6, timeout=60)",
    "send to a full pipe": "import os; log.append(b'x' * 1000000); r, w = os.pipe(); os.set_blocking(w, False); log.send(w)",
}


@pytest.mark.parametrize("wait", WAITS)
def test_control_c_breaks_a_wait_at_once(run, tmp_path, wait):
    code = f"""
import ckafka, time
env = ckafka.open({str(tmp_path / "data")!r}, create=True)
env.create_topic("t")
log = env.log("t")
for _ in range(3):
    try:
        print("waiting", flush=True)
        {WAITS[wait]}
    except KeyboardInterrupt:
        print("broken", flush=True)
env.close()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment())
    guard = threading.Timer(30, process.kill)
    guard.start()
    try:
        took = []
        for _ in range(3):
            assert process.stdout.readline() == "waiting\n"
            time.sleep(0.3)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "broken\n"
            took.append(time.monotonic() - begun)
        assert min(took) < 0.5, "a machine may stand still once"
        assert process.wait(20) == 0
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def environment():
    import os

    from conftest import PACKAGE

    return dict(os.environ, PYTHONPATH=str(PACKAGE / "src"))


def test_a_signal_that_nobody_minds_ends_no_wait(log):
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(time.monotonic()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        begun = time.monotonic()
        assert not log.reader().fetch(timeout=0.4)
        assert time.monotonic() - begun >= 0.39
        with pytest.raises(ckafka.Timeout):
            log.wait_durable(5, timeout=0.3)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(seen) > 4


def test_timeouts_keep_their_time(log):
    for seconds in (0, 0.001, 0.2):
        begun = time.monotonic()
        assert not log.reader().fetch(timeout=seconds)
        assert seconds <= time.monotonic() - begun < seconds + 20
    with pytest.raises(ckafka.Timeout) as caught:
        log.wait_durable(7, timeout=0.1)
    assert isinstance(caught.value, TimeoutError) and caught.value.offset == 7


def test_other_threads_run_while_one_waits(log):
    """The interpreter lock is released in everything that blocks."""
    for wait in (lambda: log.reader("latest").fetch(timeout=0.5), lambda: pytest.raises(ckafka.Timeout, log.wait_durable, 5, 0.5)):
        waiting = threading.Thread(target=wait)
        waiting.start()
        turns, begun = 0, time.monotonic()
        while waiting.is_alive():
            turns += 1
        assert turns > 1000, f"{turns} turns in {time.monotonic() - begun} s"
        waiting.join()


def test_wakeup_ends_a_fetch(log):
    reader = log.reader()
    timer = threading.Timer(0.2, reader.wakeup)
    timer.start()
    with pytest.raises(ckafka.Interrupted):
        reader.fetch(timeout=30)
    timer.join()
    log.append(b"v")
    assert len(reader.fetch(timeout=30)) == 1


@pytest.mark.parametrize("close", ["reader", "env"])
def test_closing_ends_a_fetch_of_another_thread(path, close):
    env = ckafka.open(path, create=True)
    env.create_topic("t")
    reader = env.log("t").reader()
    threading.Timer(0.2, {"reader": reader.close, "env": env.close}[close]).start()
    begun = time.monotonic()
    with pytest.raises(ckafka.Closed):
        reader.fetch(timeout=30)
    assert time.monotonic() - begun < 15
    time.sleep(0.1)
    env.close()


def test_a_fetch_gets_what_another_thread_appends(log):
    timer = threading.Timer(0.2, log.append, [b"late"])
    timer.start()
    batch = log.reader().fetch(timeout=30)
    timer.join()
    assert list(batch.values()) == [b"late"]


def test_following_goes_on_over_the_end(log):
    done = threading.Event()

    def feed():
        for number in range(20):
            log.append(b"%d" % number)
            time.sleep(0.005)
        done.set()

    thread = threading.Thread(target=feed)
    thread.start()
    seen = []
    for record in log.reader(follow=True):
        seen.append(record.value)
        if len(seen) == 20:
            break
    thread.join()
    assert seen == [b"%d" % number for number in range(20)]


def test_threads_share_one_log(log):
    """Offsets of several appending threads are theirs alone; group commit serves them all."""
    offsets = []

    def work(number):
        for turn in range(100):
            offsets.append((log.append(b"%d-%d" % (number, turn), key=b"k"), b"%d-%d" % (number, turn)))
        offsets.append((log.append_durable(b"%d-last" % number), b"%d-last" % number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(offsets) == [(record.offset, record.value) for record in log.read()]
    assert log.watermarks().durable >= max(offset for offset, value in offsets if value.endswith(b"last")) + 1


def test_two_threads_on_one_reader(log):
    reader = log.reader()

    def fetch():
        while True:
            try:
                return reader.fetch(timeout=30)
            except ckafka.Busy:
                pass  # the other one looks whether this one has begun

    thread = threading.Thread(target=fetch)
    thread.start()
    with pytest.raises(ckafka.Busy, match="reader of its own"):
        while thread.is_alive():
            reader.fetch()
            time.sleep(0.01)
    log.append(b"v")
    thread.join()


def test_append_durable_that_runs_out_of_time_has_appended(log):
    try:
        offset = log.append_durable(b"v", timeout=0)
    except ckafka.Timeout as late:
        offset = late.offset
    assert offset == 0 and log.watermarks().end == 1
    log.wait_durable(offset, timeout=30)
    assert log.watermarks().durable == 1


def test_descriptors(log):
    import select

    log.env.start_threads()
    reader = log.reader()
    durable = log.durable_fileno()
    assert select.select([reader, durable], [], [], 0)[0] == []
    log.append(b"v")
    assert select.select([reader], [], [], 10)[0] == [reader]
    log.request_sync()
    assert select.select([durable], [], [], 10)[0] == [durable]
    assert log.durable_fileno() == durable and select.select([durable], [], [], 0)[0] == []


def test_flush_after_every_record(path):
    with ckafka.open(path, create=True, flush_messages=1) as env:
        env.create_topic("t")
        log = env.log("t")
        log.append(b"v")
        assert log.watermarks().durable == 1
