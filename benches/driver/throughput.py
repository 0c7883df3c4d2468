"""How much goes through: appending, durable appending, reading in order and at random, sending."""

import statistics

from .row import compare, tell

TOUCH_MIB = 2048



def rate(result, amount="bytes"):
    """Amount a second."""
    return result[amount] * 1e9 / result["ns"]


def rates(results, amount="bytes", scale=1e-6):
    """Amounts a second of each run, in millions."""
    return [rate(result, amount) * scale for result in results]


def append(bench):
    """One record a call and a hundred, of 100 bytes and 1 KiB."""
    for size, batch, records, floor in (
        (100, 1, bench.pick(4_000_000, 2_000_000), 0.3),
        (100, 100, bench.pick(8_000_000, 4_000_000), 0.6),
        (1024, 1, bench.pick(500_000, 250_000), None),
        (1024, 100, bench.pick(800_000, 400_000), None),
    ):
        settings = {"records": records, "size": size, "batch": batch, "touch_mib": TOUCH_MIB}
        contestants = {
            "bare": lambda: bench.run_fresh("append", "bare", **settings),
            "growing": lambda: bench.run_fresh("append", "bare-growing", **settings),
            "ours": lambda: bench.run_fresh("append", "ckafka", **settings),
            "pretouch": lambda: bench.run_fresh("append", "ckafka", pretouch=1, **settings),
        }
        yield from append_rows(bench.interleave(contestants), f"{size} B, {batch} a call", floor)


def append_rows(results, case, floor):
    """Bytes that reach the log, of the whole and of the common path, each beside its loop."""
    def speeds(name, figure="ns_per_record"):
        return [1e3 * result["log_bytes_per_record"] / result[figure] for result in results[name]]

    def note(name, figure="ns_per_record"):
        ours, bare = (statistics.median(result[figure] for result in results[run]) for run in (name, "bare"))
        return f"{1e3 / ours:.2f} M records/s, {ours:.1f} ns each, of the populated loop {bare:.1f}"

    yield compare("append", case, "MB/s", speeds("ours"), speeds("growing"), floor, note=note("ours"))
    yield compare("append", f"{case}, pre-touch thread", "MB/s", speeds("pretouch"), speeds("growing"), note=note("pretouch"))
    common = "common_ns_per_record"
    yield compare(
        "append", f"{case}, growth left out of both", "MB/s", speeds("ours", common), speeds("bare", common),
        note=note("ours", common),
    )  # fmt: skip


def durable(bench):
    """Records made durable by threads that share the syncs."""
    for threads, floor in ((16, 0.7), (1, None)):
        settings = {"threads": threads, "seconds_tenths": bench.pick(30, 15), "touch_mib": 256}
        results = bench.interleave({
            "bare": lambda: bench.run_fresh("durable", "bare", **settings),
            "ours": lambda: bench.run_fresh("durable", "ckafka", **settings),
        })  # fmt: skip
        ours, bare = (rates(results[name], "records", 1e-3) for name in ("ours", "bare"))
        yield compare("durable", f"{threads} thread{'s' * (threads > 1)}, 100 B", "k/s", ours, bare, floor)


def read(bench):
    """A log from end to end, every byte of every value summed."""
    for size, records, floor in ((100, bench.pick(8_000_000, 4_000_000), 0.15), (1024, bench.pick(800_000, 400_000), None)):
        with bench.folder() as folder:
            bench.run("read", "make", folder, records=records, size=size, batch=100)
            settings = {"size": size, "passes": 3, "touch_mib": 256}
            results = bench.interleave({
                "bare": lambda: bench.run("read", "bare", folder, **settings),
                "rows": lambda: bench.run("read", "ckafka", folder, **settings),
                "columns": lambda: bench.run("read", "ckafka-columns", folder, **settings),
            })  # fmt: skip
        bare = rates(results["bare"], scale=1e-9)
        note = f"{statistics.median(rates(results['rows'], 'count')):.0f} M records/s"
        yield compare("read", f"{size} B in order, by rows", "GB/s", rates(results["rows"], scale=1e-9), bare, floor, note=note)
        yield compare("read", f"{size} B in order, by columns", "GB/s", rates(results["columns"], scale=1e-9), bare)


def cpp(bench):
    """The loops of `read` in C++ beside the same ones in C, in one process and turn by turn: processor time."""
    bench.build_cpp()
    with bench.folder() as folder:
        bench.run("read", "make", folder, records=bench.pick(4_000_000, 1_000_000), batch=100)
        passes = bench.run("read_cpp", "all", folder, turns=4 * bench.runs, touch_mib=256)
    speeds = {name: [passes["records"] * 1e3 / ns for ns in passes[name]] for name in passes if name != "records"}
    for case, ours, reference in (
        ("range-for over views, 100 B", "views", "rows"),
        ("range-for over a reader, 100 B", "stream", "rows"),
        ("columns, 100 B", "columns", "c_columns"),
    ):
        yield compare("cpp", case, "M records/s", speeds[ours], speeds[reference], 0.95)


def random(bench):
    """Single records by their offsets."""
    for batch, records, reads, floor in (
        (1, bench.pick(6_000_000, 3_000_000), bench.pick(1_000_000, 500_000), 10),
        (100, bench.pick(8_000_000, 4_000_000), bench.pick(400_000, 200_000), None),
    ):
        with bench.folder() as folder:
            bench.run("read", "make", folder, records=records, batch=batch)
            results = bench.interleave({
                "bare": lambda: bench.run("read", "bare-random", folder, reads=5 * reads, touch_mib=256),
                "ours": lambda: bench.run("read", "ckafka-random", folder, reads=reads, touch_mib=256),
            })  # fmt: skip
        ours, bare = ([result["ns"] / result["count"] for result in results[name]] for name in ("ours", "bare"))
        case = f"100 B by offset, {batch} to a batch"
        note = "each CRC checked; a batch is read whole" if batch > 1 else "each CRC checked"
        yield compare("random", case, "ns", ours, bare, floor, "<=", note)


def send(bench):
    """A log through a loopback connection."""
    with bench.folder() as folder:
        bench.run("send", "make", folder, records=bench.pick(8_000_000, 4_000_000), batch=100)
        for copies, floor, what in ((0, 0.9, "discards"), (1, None, "copies")):
            found = bench.run("send", "both", folder, copies=copies, turns=4 * bench.runs, touch_mib=256)
            ours, bare = ([found["bytes"] / ns for ns in found[name]] for name in ("ckafka", "bare"))
            spent = found["cpu_s_a_turn"] * 1e9 / found["bytes"]
            note = f"{spent:.2f} CPU s a GB; bytes copied through user space: {found['copied']:.0f}"
            yield compare("send", f"receiver {what}", "GB/s", ours, bare, floor, note=note)
            if found["copied"]:
                yield tell("send", f"receiver {what}: copied", "bytes", found["copied"])
