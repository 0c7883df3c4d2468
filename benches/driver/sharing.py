"""What it costs that several processes may write: at once, after a death, and where there is only one."""

import statistics

from .row import compare, judge, tell
from .throughput import TOUCH_MIB, rates

TAKEOVER_GOAL_MS = 50
TAKEOVER_LIMIT_MS = 1000
OPEN_PARTITIONS = 1000
OPEN_LIMIT_MS = 1000
OPEN_LIMIT_MIB = 200
SHARING_LIMIT = 1.2
GROWN = "growing as it is filled"
POPULATED = "on pages populated before"


def writers(bench):
    """Two and four processes on one partition beside one, and how they share."""
    settings = {"records": bench.pick(4_000_000, 2_000_000), "size": 100, "touch_mib": 1024}
    for populated, case, floor in ((0, GROWN, 0.5), (1, POPULATED, None)):
        results = bench.interleave({
            count: (lambda count=count: bench.run_fresh("writers", "shared", writers=count, populated=populated, **settings))
            for count in (1, 2, 4)
        })  # fmt: skip
        one = rates(results[1], "records")
        for count in (2, 4):
            yield compare("writers", f"{count} processes, all together, {case}", "M/s", rates(results[count], "records"), one, floor)
    yield from fairness(bench, settings)
    yield from shared_syncs(bench)
    yield from takeover(bench)


def fairness(bench, settings):
    """What each of four got, and how long it waited at worst; calls are timed, which slows them."""
    result = bench.run_fresh("writers", "shared", writers=4, timed=1, **settings)
    shares = [result[f"share_{n}"] for n in range(4)]
    note = "; ".join(
        f"writer {n}: {shares[n] * 100:.0f} %, p99.9 {result[f'p999_ns_{n}'] * 1e-3:.0f} us, worst {result[f'worst_ns_{n}'] * 1e-6:.1f} ms"
        for n in range(4)
    )
    yield tell("writers", "4 processes: the least share of the appends", "%", min(shares) * 100, note)


def shared_syncs(bench):
    """Group commit across processes beside group commit in one."""
    tenths = bench.pick(30, 15)
    results = bench.interleave({
        "one": lambda: bench.run_fresh("writers", "durable", writers=1, threads=16, seconds_tenths=tenths),
        "four": lambda: bench.run_fresh("writers", "durable", writers=4, threads=4, seconds_tenths=tenths),
    })  # fmt: skip
    one, four = (rates(results[name], "records", 1e-3) for name in ("one", "four"))
    yield compare("writers", "durable, 4 processes of 4 threads beside 16 threads", "k/s", four, one, 0.8)


def takeover(bench):
    """From the end of a process that held the append word to the next append of another."""
    result = bench.run_fresh("writers", "takeover", rounds=bench.pick(200, 60))
    buckets, below = [], 0
    for bound, count in result["histogram"]:
        if count:
            buckets.append(f"{below}-{bound} ms: {count}")
        below = bound
    note = (
        f"{result['rounds']:.0f} kills inside the lock: p50 {result['ns_p50'] * 1e-6:.2f} ms, p90 {result['ns_p90'] * 1e-6:.2f} ms,"
        f" p99 {result['ns_p99'] * 1e-6:.1f} ms (goal {TAKEOVER_GOAL_MS}); {', '.join(buckets)}"
    )
    slowest = result["ns_max"] * 1e-6
    yield judge("writers", "append word taken over from the dead, slowest", "ms", slowest, TAKEOVER_LIMIT_MS, note=note)


def alone(bench):
    """One process as it is beside a build that could share with nobody."""
    library = bench.library("unshared-words")
    settings = {"records": bench.pick(4_000_000, 2_000_000), "size": 100, "batch": 1, "touch_mib": TOUCH_MIB}
    without = ("env", f"LD_LIBRARY_PATH={library}")
    results = bench.interleave({
        "ready": lambda: bench.run_fresh("append", "ckafka", **settings),
        "alone": lambda: bench.run_fresh("append", "ckafka", wrap=without, **settings),
    })  # fmt: skip
    for figure, case, limit in (
        ("ns_per_record", "100 B, 1 a call, beside a build without the shared words", SHARING_LIMIT),
        ("common_ns_per_record", "the same, growth left out of both", None),
    ):
        ready, unshared = ([result[figure] for result in results[name]] for name in ("ready", "alone"))
        yield compare("alone", case, "ns", ready, unshared, limit, "<=")


def partitions(bench):
    """A thousand partitions that were closed cleanly, opened by one process."""
    with bench.folder() as folder:
        bench.run("open", "make-partitions", folder, partitions=OPEN_PARTITIONS)
        results = [bench.run("open", "partitions", folder, partitions=OPEN_PARTITIONS) for _ in range(bench.runs)]
    ms = statistics.median(result["ns"] * 1e-6 for result in results)
    mib = statistics.median(result["resident_kib"] / 1024 for result in results)
    note = f"{statistics.median(result['fds'] for result in results):.0f} descriptors"
    yield judge("partitions", f"{OPEN_PARTITIONS:,} opened", "ms", ms, OPEN_LIMIT_MS, note=note)
    yield judge("partitions", f"{OPEN_PARTITIONS:,} open: resident memory", "MiB", mib, OPEN_LIMIT_MIB)
