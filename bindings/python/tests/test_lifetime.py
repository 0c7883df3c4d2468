"""A memoryview into the log stays readable as long as anyone holds it: after closing, deletion and collection in any order.

Each story runs in a process of its own, which a mistake would kill; CKAFKA_LIBRARY may name a build with the address
sanitizer (then LD_PRELOAD has its runtime), which sees the ones that do not.
"""

import pytest

STRESS = """
import gc, random, sys, ckafka
random.seed(int(sys.argv[1]))
env = ckafka.open("data", create=True)
held, resurrected = [], []

class Cycle:
    "A dead cycle whose finalizer reads the memory, and may bring it back to life."
    def __init__(self, view, expected):
        self.me, self.view, self.expected = self, view, expected
    def __del__(self):
        assert bytes(self.view) == self.expected
        if random.random() < 0.5:
            resurrected.append((self.view, self.expected))

def value(topic, number):
    return (b"%s-%d|" % (topic.encode(), number)) * 20

for turn in range(int(sys.argv[2])):
    topic = f"t{turn}"
    codec = random.choice(["none", "none", "zstd", "lz4"])
    env.create_topic(topic, compression_type=codec, segment_bytes=1 << 14)
    log = env.log(topic)
    log.append_many([(b"k%d" % number, value(topic, number)) for number in range(20)])
    reader = log.reader()
    batch = reader.fetch(max_bytes=random.choice([1, 1 << 20]))
    for number, view in zip(batch.offsets.tolist(), batch.values(buffers=True)):
        kind = random.random()
        if kind < 0.3:
            held.append((view[3:], value(topic, number)[3:]))
        elif kind < 0.5:
            Cycle(view, value(topic, number))
    if turn % 3 == 0:
        held.append((batch.offsets, None))
        Cycle(batch.raw[:0], b"")
    things = [batch.release, reader.close, log.close, lambda: env.delete_topic(topic), gc.collect]
    random.shuffle(things)
    for thing in things[:random.randrange(1, 6)]:
        thing()
    del batch, reader, log, view, things
    if turn == 10:
        env.close()
        gc.collect()
        env = ckafka.open("data")
    random.shuffle(held)
    for view, expected in held + resurrected:
        assert expected is None and view[0] == 0 or bytes(view) == expected
    del held[random.randrange(50, 120):]
    del resurrected[20:]
env.close()
gc.collect()
for view, expected in held + resurrected:
    assert expected is None and view[0] == 0 or bytes(view) == expected
print("alive", len(held), len(resurrected))
"""


@pytest.mark.parametrize("seed", range(2))
def test_views_outlive_everything(run, seed):
    assert "alive" in run(STRESS, seed, 20)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 8))
def test_views_outlive_everything_for_long(run, seed):
    assert "alive" in run(STRESS, seed, 300, timeout=300)


def test_the_collector_never_releases_what_can_be_reached(run):
    """Where the collector runs finalizers of a dead cycle, the view is there for all of them, in both orders."""
    run("""
import gc, ckafka
env = ckafka.open("data", create=True)
env.create_topic("t", segment_bytes=1024)
log = env.log("t")
back = []
class Node:
    def __del__(self):
        back.append(bytes(self.view))
        back.append(self.view)
for turn in range(50):
    log.append(b"%04d" % turn * 50)
    batch = log.reader(start=turn).fetch()
    first, second = Node(), Node()
    first.other, second.other = second, first
    first.view = next(batch.values(buffers=True))
    second.view = first.view[:4]
    del batch, first, second
    gc.collect()
env.delete_topic("t")
env.close()
assert len(back) == 200
for view in back:
    assert bytes(view)[:4].isdigit()
""")


def test_a_view_is_released_with_its_last_slice(run):
    """The map of a deleted segment goes when the last slice does, and not before."""
    run("""
import ckafka
def maps():
    return sum("(deleted)" in line and ".log" in line for line in open("/proc/self/maps"))
env = ckafka.open("data", create=True)
env.create_topic("t")
log = env.log("t")
log.append_many([(None, b"x" * 1000)] * 100)
reader = log.reader()
batch = reader.fetch()
part = list(batch.values(buffers=True))[50][10:20]
env.delete_topic("t")
reader.close(); log.close(); batch.release(); env.close()
del batch, reader, log
assert maps() >= 1, "the slice lost its map"
assert bytes(part) == b"x" * 10
del part
assert maps() == 0, "a map stayed behind"
""")


def test_arrays_keep_the_view(run):
    pytest.importorskip("numpy")
    run("""
import gc, ckafka
env = ckafka.open("data", create=True)
env.create_topic("t")
log = env.log("t")
log.append_many([(None, n.to_bytes(8, "little")) for n in range(100)])
batch = log.reader().fetch()
table = batch.to_numpy()
numbers = batch.values_numpy("<i8")
env.delete_topic("t"); batch.release(); env.close()
del batch, log, env
gc.collect()
assert table["offset"].tolist() == list(range(100)) and numbers.tolist() == list(range(100))
""")


@pytest.mark.parametrize("ending", ["pass", "env.close()", "import os; os._exit(0)", "raise SystemExit", "sys.exit(0)", "del env, log"])
def test_the_interpreter_may_end_with_views_alive(run, ending):
    run(f"""
import sys, ckafka
env = ckafka.open("data", create=True)
env.create_topic("t")
log = env.log("t")
log.append_values([b"value"] * 100)
batch = log.reader().fetch()
class Late:
    def __init__(self): self.me, self.views = self, list(batch.values(buffers=True))
    def __del__(self): assert all(bytes(view) == b"value" for view in self.views)
late = Late()
views = [late, *batch.values(buffers=True), batch, log.reader()]
cycle = [views]; cycle.append(cycle)
sys.stdin_of_late = late
{ending}
""")


def test_what_a_program_leaves_open_is_closed_cleanly(run):
    run("import ckafka; env = ckafka.open('data', create=True); env.create_topic('t'); log = env.log('t'); log.append(b'v')")
    run("import os; assert os.path.exists('data/.kafka_cleanshutdown')")


def test_collected_objects_close_themselves(run):
    run("""
import gc, os, ckafka
def use(turn):
    env = ckafka.open("data", create=True)
    env.create_topic("t", exist_ok=True)
    log = env.log("t"); log.append(b"v")
    reader, sender = log.reader(), log.sender()
    keep = [env, log, reader, sender]
    if turn % 2: keep.append(keep)
before = len(os.listdir("/proc/self/fd"))
for turn in range(10):
    use(turn)
    gc.collect()
    assert os.path.exists("data/.kafka_cleanshutdown"), turn
assert len(os.listdir("/proc/self/fd")) <= before + 1
""")


def test_threads_walk_while_others_close(run):
    run("""
import random, threading, ckafka
env = ckafka.open("data", create=True)
env.create_topic("t")
stop = threading.Event()
failures = []
def work(seed):
    chance = random.Random(seed)
    while not stop.is_set():
        try:
            log = env.log("t")
            log.append_values([b"%d" % seed] * 50)
            with log.reader(start=max(0, log.watermarks().end - 200)) as reader:
                while batch := reader.fetch():
                    views = list(batch.values(buffers=True))
                    if chance.random() < 0.5: batch.release()
                    assert all(bytes(view).isdigit() for view in views)
            shared[0] = log
        except (ckafka.Closed, ckafka.Busy):
            pass
        except BaseException as error:
            failures.append(repr(error)); stop.set()
shared = [env.log("t")]
def close():
    while not stop.is_set():
        shared[0].close()
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)] + [threading.Thread(target=close)]
for thread in threads: thread.start()
stop.wait(2); stop.set()
for thread in threads: thread.join()
env.close()
assert not failures, failures
""")


def test_subinterpreters(run):
    """Where the interpreter has them for programs: each imports the package for itself, and their views do not meet."""
    run("""
import sys
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    try:
        import _interpreters as interpreters
    except ImportError:
        sys.exit()
import ckafka
env = ckafka.open("data", create=True); env.create_topic("t"); log = env.log("t"); log.append(b"outer")
views = list(log.reader().fetch().values(buffers=True))
make = interpreters.create
code = '''
try:
    import ckafka
except ImportError as error:   # ctypes may refuse to be in a second interpreter
    print("refused", error)
else:
    env = ckafka.open("data"); log = env.log("t"); log.append(b"inner")
    held = list(log.reader().fetch().values(buffers=True))
    assert bytes(held[0]) == b"outer"
    env.close()
'''
for _ in range(3):
    inner = interpreters.create()
    interpreters.run_string(inner, code)
    interpreters.destroy(inner)
assert bytes(views[0]) == b"outer"
log.append(b"after"); env.close()
""")


def test_what_is_in_a_closed_directory_is_closed(env, log):
    reader, sender = log.reader(), log.sender()
    assert not (log.closed or reader.closed or sender.closed)
    env.close()
    assert log.closed and reader.closed and sender.closed and "closed" in repr(log) + repr(reader)
