"""What a Python program pays for a record, beside py-lmdb and sqlite3 in the same run.

The floors are those of the goals as ratios: what was asked for, over what py-lmdb and sqlite3 did on the machine on which
it was asked for (M records/s; putmulti 3.7, a transaction each 1.0, keys and values 8.1 as bytes and 5.6 as buffers;
executemany 1.0, an insert each 0.2, a select 2.9).
"""

import sys

from .programs import ProgramError
from .row import compare

PUTMULTI, PUT, ITERATE, BUFFERS = 3.7, 1.0, 8.1, 5.6
EXECUTEMANY, INSERT, SELECT = 1.0, 0.2, 2.9
READS = (
    ("values as bytes", "as_bytes", 8),
    ("values as views", "as_views", 5),
    ("offset, timestamp, key and value", "as_tuples", 4),
    ("keys and values as bytes", "as_pairs", None),
    ("columns for NumPy", "as_numpy", 20),
    ("record batches of Arrow", "as_arrow", None),
)


def python(bench):
    """Appending and reading; records of 100 bytes, keys of 8."""
    yield from appends(bench)
    yield from reads(bench)


def rates(results):
    """M records/s of each run."""
    return [1e3 / result["ns"] for result in results]


def appends(bench):
    """1,000 a call, of pairs and of values alone, and one a call."""
    settings = {"records": bench.pick(1_000_000, 300_000), "touch_mib": 256}
    few = settings | {"records": settings["records"] // 3}
    names = {"ours": "ckafka-pairs", "values": "ckafka-values", "lmdb": "lmdb-pairs", "sqlite": "sqlite-pairs"}
    found = bench.interleave({
        name: lambda contestant=contestant: bench.run_python(contestant, None, **settings) for name, contestant in names.items()
    })  # fmt: skip
    ours, values, lmdb, sqlite = (rates(found[name]) for name in names)
    yield compare("python", "append_many of 1,000 pairs, beside putmulti", "M/s", ours, lmdb, round(5 / PUTMULTI, 2))
    yield compare("python", "append_values of 1,000, beside putmulti", "M/s", values, lmdb, round(8 / PUTMULTI, 2))
    yield compare("python", "append_many of 1,000 pairs, beside executemany", "M/s", ours, sqlite, 5 / EXECUTEMANY)
    names = {"ours": "ckafka-single", "lmdb": "lmdb-single", "sqlite": "sqlite-single"}
    found = bench.interleave({
        name: lambda contestant=contestant: bench.run_python(contestant, None, **few) for name, contestant in names.items()
    })  # fmt: skip
    ours, lmdb, sqlite = (rates(found[name]) for name in names)
    yield compare("python", "append of one record, beside a transaction each", "M/s", ours, lmdb, 1 / PUT)
    yield compare("python", "append of one record, beside an insert each", "M/s", ours, sqlite, 1 / INSERT)


def reads(bench):
    """A log from end to end, in every form, beside cursors over as many rows."""
    records = bench.pick(1_000_000, 300_000)
    with bench.folder() as folder:
        for library in ("ckafka", "lmdb", "sqlite"):
            bench.run_python(f"{library}-pairs", folder, records=records)
        names = [f"ckafka-{way}" for _, way, _ in READS] + ["lmdb-as_bytes", "lmdb-as_views", "sqlite-as_bytes"]
        found = bench.interleave({
            name: lambda contestant=name: bench.run_python(contestant, folder, touch_mib=64) for name in names
        })  # fmt: skip
    for case, way, goal in READS:
        rival, figure = ("lmdb-as_views", BUFFERS) if way == "as_views" else ("lmdb-as_bytes", ITERATE)
        floor = round(goal / figure, 2) if goal else None
        title = f"{case}, beside {'buffers' if way == 'as_views' else 'bytes'} of py-lmdb"
        yield compare("python", title, "M/s", rates(found[f"ckafka-{way}"]), rates(found[rival]), floor)
    tuples, rows = rates(found["ckafka-as_tuples"]), rates(found["sqlite-as_bytes"])
    yield compare("python", "offset, timestamp, key and value, beside a select", "M/s", tuples, rows, round(4 / SELECT, 2))


def client(bench):
    """Producing and consuming by the names of confluent-kafka, beside itself with a broker on this machine: wall clock."""
    sys.path.insert(0, str(bench.project / "bindings" / "python" / "tests"))
    import brokers

    python = bench.python()
    if brokers.missing(python):
        print(f"client: left out, missing: {brokers.missing(python)}", file=sys.stderr)
        return
    settings = {"records": bench.pick(2_000_000, 500_000)}
    with bench.folder() as folder:
        try:
            with brokers.broker(folder, python) as address:
                found = bench.interleave({
                    "ours": lambda: bench.run_python("ckafka.client", None, "python_client", **settings),
                    "theirs": lambda: bench.run_python("confluent_kafka", address, "python_client", **settings),
                })  # fmt: skip
        except RuntimeError as error:
            raise ProgramError(f"no broker: {error}") from None
    for case, what, floor in (
        ("Producer.produce of 100 B, and flush", "produce", 1.5),
        ("the same with keys", "keyed", None),
        ("the same with a callback each", "reported", None),
        ("Consumer.consume(1000)", "consume", 2),
    ):
        ours, theirs = ([1e3 / result[what] for result in found[name]] for name in ("ours", "theirs"))
        yield compare("client", f"{case}, beside confluent-kafka", "M/s", ours, theirs, floor)
