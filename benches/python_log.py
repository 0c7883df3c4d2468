#!/usr/bin/env python3
"""python_log.py CONTESTANT FOLDER name=value...   what Python programs pay for a record: one contestant, one JSON line.

Records are 100 bytes, keys 8. What is appended is in lists before the clock starts; what is read goes through a loop that
does nothing. All are asked for what survives kill -9 and not a power failure. py-lmdb has what its documentation calls
fastest for that (writemap, map_async, append), sqlite3 a write-ahead log and synchronous=off.
"""

import json
import mmap
import pathlib
import sqlite3
import struct
import sys
import time

PROJECT = pathlib.Path(__file__).resolve().parents[1]
VALUE = bytes(range(97, 122)) * 4
BATCH = 1000
KEY = struct.Struct(">Q").pack
PASSES = 3
"""How often a log is read."""


def touch(mib):
    """Has the host give its memory before the clock starts."""
    if not mib:
        return
    with mmap.mmap(-1, mib << 20) as memory:
        for position in range(0, mib << 20, 4096):
            memory[position] = 1


def measure(work, *arguments):
    """Nanoseconds a record; `work` says how many records it did.

    Of processor time, the kernel's for this process with it: one thread works and never sleeps, and who else has work on
    the machine is not to be measured.
    """
    begun = time.process_time_ns()
    count = work(*arguments)
    return (time.process_time_ns() - begun) / count


def batches(records):
    """Lists of pairs of a key and a value."""
    return [[(KEY(number), VALUE) for number in range(at, at + BATCH)] for at in range(0, records, BATCH)]


class Ckafka:
    """This library."""

    def __init__(self, folder):
        sys.path.insert(0, str(PROJECT / "bindings" / "python" / "src"))
        import ckafka

        self.env = ckafka.open(folder / "ckafka", create=True)
        self.env.create_topic("bench", exist_ok=True)
        self.log = self.env.log("bench")

    def pairs(self, records):
        """1,000 pairs a call."""
        def work(piece):
            for batch in piece:
                self.log.append_many(batch)
            return BATCH * len(piece)

        return measure(work, batches(records))

    def values(self, records):
        """1,000 values a call."""
        values = [VALUE] * BATCH

        def work(piece):
            for batch in piece:
                self.log.append_values(batch)
            return BATCH * len(piece)

        return measure(work, [values] * (records // BATCH))

    def single(self, records):
        """One record a call."""
        def work(piece):
            append = self.log.append
            for value in piece:
                append(value)
            return len(piece)

        return measure(work, [VALUE] * records)

    def read(self, walk):
        """The whole log, each batch walked over in its own way."""
        def work(_):
            count = 0
            with self.log.reader() as reader:
                while batch := reader.fetch():
                    count += len(batch)
                    walk(batch)
            return count

        return sum(measure(work, turn) for turn in range(PASSES)) / PASSES

    def as_bytes(self, _):
        """Values as bytes."""
        def walk(batch):
            for _ in batch.values():
                pass

        return self.read(walk)

    def as_views(self, _):
        """Values as memoryviews."""
        def walk(batch):
            for _ in batch.values(buffers=True):
                pass

        return self.read(walk)

    def as_tuples(self, _):
        """Offset, timestamp, key and value of each record."""
        def walk(batch):
            for _ in batch.iter():
                pass

        return self.read(walk)

    def as_pairs(self, _):
        """Key and value, which is what the others give."""
        def walk(batch):
            for _ in zip(batch.keys(), batch.values()):
                pass

        return self.read(walk)

    def as_numpy(self, _):
        """Columns as arrays, every length summed."""
        import numpy  # noqa: F401  (imported before the clock starts)

        return self.read(lambda batch: int(batch.to_numpy()["value_length"].sum()))

    def as_arrow(self, _):
        """An Arrow record batch."""
        import pyarrow  # noqa: F401  (imported before the clock starts)

        return self.read(lambda batch: batch.to_arrow().num_rows)


class Lmdb:
    """py-lmdb, a C extension."""

    def __init__(self, folder):
        import lmdb

        settings = {"sync": False, "metasync": False, "writemap": True, "map_async": True}
        self.env = lmdb.open(str(folder / "lmdb"), map_size=8 << 30, **settings)

    def pairs(self, records):
        """putmulti of 1,000 in a transaction, in the order of their keys."""
        def work(piece):
            for batch in piece:
                with self.env.begin(write=True) as transaction:
                    transaction.cursor().putmulti(batch, append=True)
            return BATCH * len(piece)

        return measure(work, batches(records))

    def single(self, records):
        """A transaction a record."""
        def work(piece):
            begin = self.env.begin
            for key in piece:
                with begin(write=True) as transaction:
                    transaction.put(key, VALUE, append=True)
            return len(piece)

        return measure(work, [KEY(number) for number in range(records)])

    def read(self, buffers):
        """All keys and values."""
        def work(_):
            count = 0
            with self.env.begin(buffers=buffers) as transaction:
                for _ in transaction.cursor():
                    pass
                count = transaction.stat()["entries"]
            return count

        return sum(measure(work, turn) for turn in range(PASSES)) / PASSES

    def as_bytes(self, _):
        """As bytes."""
        return self.read(False)

    def as_views(self, _):
        """As buffers."""
        return self.read(True)


class Sqlite:
    """sqlite3, of the standard library."""

    def __init__(self, folder):
        self.connection = sqlite3.connect(folder / "sqlite.db", isolation_level=None)
        self.connection.execute("pragma journal_mode=wal")
        self.connection.execute("pragma synchronous=off")
        self.connection.execute("create table if not exists log (k blob, v blob)")

    def pairs(self, records):
        """executemany of 1,000 in a transaction."""
        def work(piece):
            for batch in piece:
                self.connection.execute("begin")
                self.connection.executemany("insert into log values (?, ?)", batch)
                self.connection.execute("commit")
            return BATCH * len(piece)

        return measure(work, batches(records))

    def single(self, records):
        """An insert a record."""
        def work(piece):
            for key in piece:
                self.connection.execute("insert into log values (?, ?)", (key, VALUE))
            return len(piece)

        return measure(work, [KEY(number) for number in range(records)])

    def as_bytes(self, _):
        """All rows."""
        def work(_):
            count = 0
            for _ in self.connection.execute("select k, v from log"):
                count += 1
            return count

        return sum(measure(work, turn) for turn in range(PASSES)) / PASSES


LIBRARIES = {"ckafka": Ckafka, "lmdb": Lmdb, "sqlite": Sqlite}


def main(contestant, folder, *settings):
    """Runs one way of one library."""
    options = {name: int(value) for name, value in (setting.split("=") for setting in settings)}
    library, way = contestant.split("-")
    touch(options.get("touch_mib", 0))
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rival = LIBRARIES[library](folder)
    ns = getattr(rival, way)(options.get("records", 0))
    print(json.dumps({"ns": ns}))


main(*sys.argv[1:])
