"""The command line: which topics, how long, where; and the exit code."""

import argparse
import os
import pathlib
import sys
import time

from . import delay, footprint, machine, old, python, report, sharing, throughput
from .programs import Bench, ProgramError

PROJECT = pathlib.Path(__file__).resolve().parents[2]
TOPICS = {
    "quiet": footprint.quiet,
    "boundary": delay.boundary,
    "append": throughput.append,
    "durable": throughput.durable,
    "read": throughput.read,
    "cpp": throughput.cpp,
    "random": throughput.random,
    "latency": delay.latency,
    "send": throughput.send,
    "worst": delay.worst,
    "writers": sharing.writers,
    "alone": sharing.alone,
    "open": footprint.clean_open,
    "partitions": sharing.partitions,
    "memory": footprint.memory,
    "compat": old.compat,
    "python": python.python,
    "client": python.client,
}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="benches/run", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"only these: {', '.join(TOPICS)}")
    parser.add_argument("--quick", action="store_true", help="about five minutes in place of twelve: smaller, same floors")
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs of each pair (5)")
    parser.add_argument("--record", action="store_true", help="write the figures to docs/bench/README.md")
    options = parser.parse_args(arguments)
    unknown = [topic for topic in options.topics if topic not in TOPICS]
    if unknown:
        parser.error(f"no topic {unknown[0]}; there are {', '.join(TOPICS)}")
    if options.record and options.topics:
        parser.error("--record writes a page of all topics")
    return options


def main(arguments):
    """Runs what was asked for. 0: every floor was reached; 1: one was missed or a program failed."""
    options = parse(arguments)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target")) / "bench"
    work = pathlib.Path(os.environ.get("CKAFKA_BENCH_DIR", target / "work"))
    bench = Bench(PROJECT, target, work, quick=options.quick, runs=options.runs)
    rows, failures = [], []
    begun, before = time.monotonic(), machine.snapshot()
    try:
        bench.build()
        for name in options.topics or TOPICS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                for row in TOPICS[name](bench):
                    rows.append(row)
                    print(report.line(row), flush=True)
            except ProgramError as error:
                failures.append(f"{name}: {error}")
                print(f"FAILED {failures[-1]}", flush=True)
    except ProgramError as error:
        failures.append(str(error))
    finally:
        bench.clean()
    facts = machine.describe(work, before, time.monotonic() - begun, options.quick)
    report.write(rows, failures, facts, target)
    if options.record:
        report.record(rows, facts, PROJECT / "docs" / "bench" / "README.md")
    return report.conclude(rows, failures)
