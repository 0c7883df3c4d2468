"""Processes: forked, spawned, pickled; and several that write one partition.

In a forked child directories and logs open themselves anew when they are used; readers and senders, which have a position,
answer `Forked`; views stay readable. The parent notices nothing.
"""

import multiprocessing
import os
import pickle
import subprocess
import sys

import ckafka
import pytest


def in_child(story):
    """Runs a function in a forked child; it fails if the child does."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            story()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_log_opens_itself_anew_in_a_child(env, log):
    log.append(b"parent")

    def story():
        assert log.append(b"child") == 1
        assert log.append(b"child", headers={"h": b"1"}) == 2
        assert log.append_many([(b"k", b"v")]) == 3 and log.append_durable(b"durable") == 4
        assert env.log("t").append(b"another handle") == 5
        assert [record.value for record in log.read()][:2] == [b"parent", b"child"]
        assert log.watermarks().end == 6 and len(env.topics()) == 1
        env.close()

    in_child(story)
    assert log.append(b"parent again") == 6
    assert [record.value for record in log.read()][-1] == b"parent again"


@pytest.mark.parametrize("first", ["append", "append_durable", "append_many", "wait_durable", "reader", "watermarks", "topics", "sync"])
def test_any_call_may_be_the_first_in_a_child(env, log, first):
    log.append_durable(b"v")
    calls = {
        "append": lambda: log.append(b"v"), "append_durable": lambda: log.append_durable(b"v"),
        "append_many": lambda: log.append_many([(b"k", b"v")]), "wait_durable": lambda: log.wait_durable(0),
        "reader": log.reader, "watermarks": log.watermarks, "topics": env.topics, "sync": env.sync,
    }  # fmt: skip
    in_child(calls[first])
    assert log.append(b"v") >= 1


def test_readers_and_senders_say_that_they_are_the_parents(log):
    log.append_values([b"a", b"b"])
    reader, sender = log.reader(), log.sender()
    views = list(log.reader().fetch().values(buffers=True))

    def story():
        for call in (reader.fetch, lambda: reader.seek(0), lambda: reader.position, lambda: sender.send(1), lambda: list(reader)):
            with pytest.raises(ckafka.Forked, match="after the fork"):
                call()
        assert [bytes(view) for view in views] == [b"a", b"b"]
        views.clear()
        reader.close()
        sender.close()
        assert [record.value for record in log.reader()] == [b"a", b"b"]

    in_child(story)
    assert [record.value for record in reader] == [b"a", b"b"] and [bytes(view) for view in views] == [b"a", b"b"]


def test_children_of_children(env, log):
    def grandchild():
        log.append(b"grandchild")

    def child():
        log.append(b"child")
        in_child(grandchild)
        log.append(b"child again")

    in_child(child)
    assert [record.value for record in log.read()] == [b"child", b"grandchild", b"child again"]


def test_a_child_that_touches_nothing(env, log):
    in_child(lambda: None)
    in_child(env.close)
    in_child(log.close)
    log.append(b"v")


def test_forking_while_threads_append(log):
    import threading

    stop = threading.Event()

    def work():
        while not stop.is_set():
            log.append(b"thread")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            in_child(lambda: log.append(b"child"))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert sum(record.value == b"child" for record in log.read()) == 10


def test_forking_while_a_thread_opens_and_closes(env, log):
    """A lock that was held at the moment of the fork holds nobody up in the child."""
    import threading

    stop = threading.Event()

    def work():
        while not stop.is_set():
            log.reader().close()
            env.log("t", 1).close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            in_child(lambda: [log.append(b"child"), log.reader().close(), env.close()])
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert log.watermarks().end == 10


def test_pickled_by_path(env, log):
    log.append(b"v")
    other = pickle.loads(pickle.dumps(log))
    assert other.env is not env and other.env.path == env.path
    assert other.append(b"through the copy") == 1 and [record.value for record in log.read()] == [b"v", b"through the copy"]
    both = pickle.loads(pickle.dumps([env, log, env.log("t", 1)]))
    assert both[1].env is both[0] is both[2].env and both[0].topics() == env.topics()
    both[0].close()
    other.env.close()
    for thing in (log.reader(), log.sender(), log.reader().fetch()):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(thing)
    env.close()
    with pytest.raises(ckafka.Closed):
        pickle.dumps(env)


class Dataset:
    """What a data loader hands to its workers: a log, and which part of it is theirs."""

    def __init__(self, log):
        self.log = log

    def __call__(self, share):
        first, last = share
        return sum(int(record.value) for record in self.log.read(first, last))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_a_data_loader(log, method):
    log.append_values([b"%d" % number for number in range(1000)])
    dataset = Dataset(log)
    list(log.read())
    with multiprocessing.get_context(method).Pool(3) as pool:
        shares = [(first, first + 100) for first in range(0, 1000, 100)]
        assert sum(pool.map(dataset, shares)) == sum(range(1000))
    assert log.append(b"0") == 1000


WRITER = """
import sys, ckafka
with ckafka.open(sys.argv[1]) as env:
    log = env.log("t")
    for turn in range(300):
        value = b"%s-%d" % (sys.argv[2].encode(), turn)
        offset = log.append(value, key=sys.argv[2].encode()) if turn % 3 else log.append_many([(sys.argv[2].encode(), value)])
        print(offset, value.decode())
"""


def test_several_processes_write_one_partition(path, log):
    """Every offset that a process was told holds what it appended, and each one's records are in its order."""
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, name], stdout=subprocess.PIPE, text=True,
                         env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
        for name in ("a", "b", "c")
    ]  # fmt: skip
    told = {}
    for process in processes:
        output = process.communicate(timeout=60)[0]
        assert process.returncode == 0
        told.update((int(line.split()[0]), line.split()[1].encode()) for line in output.splitlines())
    found = list(log.read())
    assert {record.offset: record.value for record in found} == told and len(told) == 900
    for name in (b"a", b"b", b"c"):
        turns = [int(record.value.split(b"-")[1]) for record in found if record.key == name]
        assert turns == list(range(300))


def test_a_reader_that_a_thread_was_in_says_the_same(log):
    """Not that it is busy: that thread is the parent's."""
    reader = log.reader()
    import threading
    import time

    thread = threading.Thread(target=reader.fetch, kwargs={"timeout": 1})
    thread.start()
    time.sleep(0.1)
    try:
        in_child(lambda: pytest.raises(ckafka.Forked, reader.fetch))
    finally:
        thread.join()
