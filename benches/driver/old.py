"""The old interface, each function beside the original's way of doing it."""

import statistics

from .row import compare, judge
from .throughput import rates


def compat(bench):
    """Appending, reading, serving."""
    yield from append(bench)
    yield from read(bench)
    yield from serve(bench)


def append(bench):
    """Records on disk, from one thread and from many."""
    for threads, floor in ((1, 2), (16, 10)):
        settings = {"threads": threads, "seconds_tenths": bench.pick(20, 10)}
        results = bench.interleave({
            "bare": lambda: bench.run_fresh("compat", "append-bare", **settings),
            "ours": lambda: bench.run_fresh("compat", "append-ckafka", **settings),
        })  # fmt: skip
        ours, bare = (rates(results[name], "records", 1e-3) for name in ("ours", "bare"))
        case = f"append_message_to_log, {threads} thread{'s' * (threads > 1)}, 100 B"
        yield compare("compat", case, "k/s", ours, bare, floor, note="beside three opens, syncs and closes a record")


def read(bench):
    """Printing a log: on a terminal, where each line is a write, and into a pipe."""
    for terminal, what in ((1, "on a terminal"), (0, "into a pipe")):
        with bench.folder() as folder:
            settings = {"records": bench.pick(200_000, 50_000)}
            bench.run("compat", "log", folder, **settings)
            settings["terminal"] = terminal
            results = bench.interleave({
                "bare": lambda: bench.run("compat", "read-bare", folder, **settings),
                "each": lambda: bench.run("compat", "read-each", folder, **settings),
                "ours": lambda: bench.run("compat", "read-ckafka", folder, **settings),
            })  # fmt: skip
        times = {name: [result["ns"] * 1e-6 for result in results[name]] for name in results}
        case = f"read_log_with_mmap {what}"
        note = "beside printing what was unpacked before"
        yield compare("compat", case, "ms", times["ours"], times["bare"], 1.5 if terminal else None, "<=", note)
        note = "beside decompress_message and printf for each record"
        yield compare("compat", f"{case}, unpacking", "ms", times["ours"], times["each"], None, "<=", note)


def serve(bench):
    """A file to one client after the other, and to many at once."""
    with bench.folder() as folder:
        bench.run("compat_serve", "make", folder, mib=bench.pick(512, 256))
        settings = {"passes": bench.pick(5, 3), "touch_mib": 256}
        results = bench.interleave({
            "bare": lambda: bench.run("compat_serve", "bare", folder, **settings),
            "ours": lambda: bench.run("compat_serve", "ckafka", folder, **settings),
        }, runs=2 * bench.runs + 1)  # fmt: skip
    ours, bare = (rates(results[name], scale=1e-9) for name in ("ours", "bare"))
    yield compare("compat", "start_server, one client", "GB/s", ours, bare, 0.95, note="beside bare sendfile")
    with bench.folder() as folder:
        bench.run("compat_serve", "make", folder, mib=bench.pick(32, 16))
        settings = {"clients": 64, "idle": 4}
        results = [bench.run("compat_serve", "ckafka", folder, **settings) for _ in range(bench.runs)]
    share = statistics.median(result["least_share"] for result in results)
    note = f"{statistics.median(rate for rate in rates(results, scale=1e-9)):.2f} GB/s in all, beside 4 clients that never read"
    yield judge("compat", "start_server, 64 clients: least share when the first has all", "", share, 0.5, ">=", note)
