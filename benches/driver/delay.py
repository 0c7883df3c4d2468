"""How long single things take: a record's way to another process, and the slowest append."""

import statistics

from .row import compare, judge, judge_middle, tell

PIECE_BYTES = 1 << 20  # what a log grows by once it has come this far
GOAL_MS = 5
CALL_LIMIT_NS = 15
LOAD_LIMIT_MS = 5


def latency(bench):
    """From before the append until another process has the record."""
    for way, floor, times in (("spin", 3, "spinning"), ("futex", 1.5, "asleep on a futex")):
        settings = {"messages": bench.pick(30_000, 10_000)}
        results = bench.interleave({
            "bare": lambda: bench.run_fresh("latency", f"bare-{way}", **settings),
            "ours": lambda: bench.run_fresh("latency", f"ckafka-{way}", **settings),
        })  # fmt: skip
        ours, bare = ([result["ns_p50"] for result in results[name]] for name in ("ours", "bare"))
        note = ", ".join(
            f"{name} {statistics.median(result[f'ns_{name}'] for result in results['ours']):.0f}"
            f" (bare {statistics.median(result[f'ns_{name}'] for result in results['bare']):.0f})"
            for name in ("p90", "p99")
        )
        yield compare("latency", f"to another process, {times}, p50", "ns", ours, bare, floor, "<=", note)


def boundary(bench):
    """What a call from C costs beyond the Rust behind it, and how soon a program that loads the library has appended."""
    kinds = ("bare", "handle", "single")
    results = bench.interleave({kind: lambda kind=kind: bench.run_fresh("boundary", kind) for kind in kinds})
    times = {kind: [result["ns"] for result in results[kind]] for kind in kinds}
    for kind, what in (("handle", "ckafka_caps"), ("single", "ckafka_reader_position")):
        # The least of both, as other work can only add to so little.
        mine, bare = min(times[kind]), min(times["bare"])
        note = f"{mine:.2f} ns, and {bare:.2f} ns of a call that looks at nothing; the slowest run {max(times[kind]):.2f} ns"
        yield judge("boundary", f"{what} above a bare call", "ns", mine - bare, CALL_LIMIT_NS, note=note)
    library = f"CKAFKA_LIBRARY={bench.project / 'build' / 'libckafka.so'}"
    with bench.folder() as folder:
        loads = [bench.run("boundary", "dlopen", folder, wrap=("env", library))["ms"] for _ in range(2 * bench.runs + 1)]
    # The first makes the topic, and waits for the disk.
    yield judge_middle("boundary", "dlopen to the first append", "ms", loads[1:], LOAD_LIMIT_MS)


def worst(bench):
    """A steady load across rolls; the machine's own stalls beside it."""
    settings = {"seconds": bench.pick(30, 8), "segment_mib": bench.pick(64, 32), "rate": 100_000}
    for case, contestant, pretouch in (
        ("bare loop, populated before", "bare", 0),
        ("no thread", "ckafka", 0),
        ("pre-touch thread", "ckafka", 1),
    ):
        result = bench.run_fresh("worst", contestant, pretouch=pretouch, **settings)
        note = (
            f"p50 {result['ns_p50']:.0f} ns, p99 {result['ns_p99']:.0f} ns, p99.9 {result['ns_p999'] / 1e3:.1f} us,"
            f" p99.99 {result['ns_p9999'] / 1e3:.0f} us; {result['rolls']:.0f} rolls, {result['growths']:.0f} growths;"
            f" slowest: {'; '.join(causes(result, contestant == 'bare', settings['segment_mib'])[:4])}"
        )
        yield tell("worst", f"{settings['seconds']} s at 100 k/s, {case} (goal {GOAL_MS} ms)", "ms", result["ns_max"] * 1e-6, note)


def causes(result, is_bare, segment_mib):
    """The slowest calls, each with what it was doing and what the kernel did to it."""
    bases, batch_bytes = sorted(result["segments"]), result["batch_bytes"]
    return [
        f"{call['ns'] * 1e-6:.2f} ms {'' if is_bare else doing(call, bases, batch_bytes, segment_mib << 20)}({kernel_said(call)})"
        for call in result["slowest"]
    ]


def doing(call, bases, batch_bytes, segment_bytes):
    """Which piece of a log's life an append met, by where its batch lies."""
    base = max((base for base in bases if base <= call["offset"]), default=0)
    position = (call["offset"] - base) * batch_bytes
    if call["offset"] == base and base:
        return "roll "
    if position // PIECE_BYTES != (position + batch_bytes) // PIECE_BYTES:
        return "growth by a piece "
    if position >= segment_bytes - 3 * PIECE_BYTES:
        return "end of a segment, the next is made "
    if position < PIECE_BYTES:
        return "start of a segment, small pieces "
    return "store into a page that is being written back " if call["minor"] else "copy "


def kernel_said(call):
    """Why the clock ran on: not on a core, or busy."""
    off_core = 1 - call["cpu_ns"] / call["ns"]
    parts = [f"{max(off_core, 0) * 100:.0f} % off the core"]
    for name, text in (("voluntary", "waits"), ("involuntary", "preemptions"), ("minor", "faults"), ("major", "major faults")):
        if call[name]:
            parts.append(f"{call[name]} {text}")
    return ", ".join(parts)
