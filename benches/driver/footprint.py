"""What a log asks for: system calls, allocations, memory, disk, and time to open."""

import collections
import pathlib
import re

from .row import compare, judge

CALLS = 100_000
MARKS = ('write(-1, "begin"', 'write(-1, "end"')
GROWTH_CALLS = {"pwrite64", "fallocate", "madvise", "sync_file_range", "prlimit64", "newfstatat"}
CALLS_A_GROWTH = 8  # reserve, write zeroes, populate, start write-back; a step of each index
EMPTY_LIMIT_KIB = 100
FLAT_LIMIT_KIB = 1024


def quiet(bench):
    """Allocations and system calls of 100,000 appends of one record."""
    result = bench.run_fresh("quiet", "allocations", calls=CALLS)
    if not result["counts_the_library"]:
        yield judge("quiet", "allocations could not be counted", "", 1, 0)
    note = f"{CALLS:,} calls with {result['growths']:.0f} growths and {result['rolls']:.0f} rolls"
    yield judge("quiet", "allocations", "", result["allocations"], 0, note=note)
    with bench.folder() as folder:
        trace = folder / "trace"
        result = bench.run("quiet", "syscalls", folder / "log", wrap=("strace", "-f", "-o", str(trace)), calls=CALLS)
        names = between_marks(trace)
    total, growths = sum(names.values()), result["growths"]
    foreign = sum(count for name, count in names.items() if name not in GROWTH_CALLS)
    spent = ", ".join(f"{name} {count}" for name, count in names.most_common())
    note = f"{CALLS:,} calls with {growths:.0f} growths by a MiB and {result['rolls']:.0f} rolls: {total} system calls ({spent})"
    yield judge("quiet", "system calls that are not of a growth", "", foreign + max(0, total - CALLS_A_GROWTH * growths), 0, note=note)


def between_marks(trace):
    """System calls between the marks, counted by name."""
    names, inside = collections.Counter(), False
    for line in pathlib.Path(trace).read_text(errors="replace").splitlines():
        if MARKS[1] in line:
            break
        if inside and (call := re.match(r"(?:\d+ +)?(\w+)\(", line)):
            names[call[1]] += 1
        inside = inside or MARKS[0] in line
    return names


def clean_open(bench):
    """A directory of a MiB and one of many GiB, both closed cleanly."""
    large_mib = bench.pick(10_240, 2_048)
    with bench.folder() as small, bench.folder() as large:
        bench.run("open", "make", small, mib=1)
        bench.run("open", "make", large, mib=large_mib)
        results = bench.interleave({
            "small": lambda: bench.run("open", "ckafka", small),
            "large": lambda: bench.run("open", "ckafka", large),
        }, runs=2 * bench.runs + 1)  # fmt: skip
    times = {name: [result["ns"] * 1e-6 for result in results[name]] for name in results}
    yield compare("open", f"clean, {large_mib / 1024:.0f} GiB beside 1 MiB", "ms", times["large"], times["small"], 1.5, "<=")


def memory(bench):
    """A long run that appends and reads, and a partition without a record."""
    mib = bench.pick(3_072, 1_024)
    result = bench.run_fresh("memory", "flat", mib=mib, segment_mib=8)
    samples = result["samples"]
    early, late = samples[len(samples) // 4 :][:5], samples[-5:]

    def growth(name):
        return max(sample[name] for sample in late) - max(sample[name] for sample in early)

    last = samples[-1]
    note = (
        f"after {mib} MiB and {result['rolls']:.0f} rolls: {last['anon_kib'] / 1024:.1f} MiB anonymous,"
        f" {last['file_kib'] / 1024:.0f} MiB of mapped files, {last['fds']} descriptors, {last['maps']} mappings"
    )
    yield judge("memory", "anonymous memory grown, first to last quarter", "KiB", growth("anon_kib"), FLAT_LIMIT_KIB, note=note)
    yield judge("memory", "mappings grown, first to last quarter", "", growth("maps"), 8)
    yield judge("memory", "descriptors grown, first to last quarter", "", growth("fds"), 8)
    yield judge("memory", "mapped file pages grown, first to last quarter", "MiB", growth("file_kib") / 1024, 130,
                note="some 25 segments of 8 MiB are open at a time")  # fmt: skip
    result = bench.run_fresh("memory", "empty")
    note = f"with one record {result['one_record'] / 1024:.0f} KiB, closed {result['closed'] / 1024:.0f} KiB"
    yield judge("memory", "disk of an empty partition", "KiB", result["empty"] / 1024, EMPTY_LIMIT_KIB, note=note)
