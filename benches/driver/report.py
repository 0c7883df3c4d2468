"""Results for people and for machines: a line each, a table, JSON, Markdown."""

import json

from . import plot
from .words import number

COMMANDS = """
```
make bench                            # everything, about fifteen minutes; writes this page
benches/run --quick                   # about six minutes, the same floors
benches/run append latency            # some topics
benches/run --quick --record          # writes this page from a quick run
CKAFKA_BENCH_DIR=/mnt benches/run     # on another file system
```
"""

BUSY = " That is a busy machine: figures of time are coarse, and the slowest calls are mostly not the library's."


def floor_text(row):
    """The floor and whether it was reached."""
    if row.floor is None:
        return ""
    return f"{row.sense} {row.floor:g}"


def ratio_text(row):
    """The middle ratio and its spread."""
    if row.reference is None or not row.ratios:
        return ""
    low, high = row.spread
    return f"{number(row.ratio)} ({number(low)}-{number(high)})"


def line(row):
    """One row on a terminal."""
    verdict = "" if row.floor is None else ("ok    " if row.reached else "MISSED")
    reference = f"beside {number(row.reference)}" if row.reference is not None else ""
    figures = f"{number(row.ours)} {row.unit} {reference}"
    text = f"{verdict:6} {row.topic:8} {row.case:58} {figures:32} {ratio_text(row):22} {floor_text(row)}"
    return text.rstrip() + (f"\n{'':16}{row.note}" if row.note else "")


def write(rows, failures, facts, target):
    """Leaves the results in the target folder."""
    target.mkdir(parents=True, exist_ok=True)
    results = {"machine": facts, "rows": [row.facts() for row in rows], "failures": failures}
    (target / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (target / "results.md").write_text(markdown(rows, facts))


def record(rows, facts, path):
    """Writes the page that the project keeps, and its pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob("*.svg"):
        old.unlink()
    pictures = list(plot.pictures(rows))
    for name, _, svg, _ in pictures:
        (path.parent / name).write_text(svg)
    path.write_text(markdown(rows, facts, pictures))


def markdown(rows, facts, pictures=()):
    """The page: what was measured, on what, with what spread."""
    parts = [
        "# Figures\n",
        "Written by `make bench`; not edited by hand. Every figure stands beside a reference loop that ran in turn with it on"
        " the same machine; the middle ratio is what counts, the spread is of all runs. Absolute figures drift between machines and"
        " hours. What each program does is told at the top of its source in `benches/`.\n",
        f"{facts['date']}, {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, Linux {facts['kernel']},"
        f" {facts['filesystem']}; {facts['mode']} run of {facts['seconds']} s, in which everything else (kernel threads that write back included)"
        f" took {facts['others']} of a core.{'' if facts['others'] < 0.5 else BUSY}\n",
    ]
    parts += [f"![{what}]({name})\n" for name, what, _, topic in pictures if topic is None]
    for topic in dict.fromkeys(row.topic for row in rows):
        parts.append(f"## {topic}\n")
        parts += [f"![{what}]({name})\n" for name, what, _, under in pictures if under == topic]
        parts.append("| what | libckafka | reference | ratio (spread) | floor |\n| --- | ---: | ---: | ---: | --- |")
        notes = []
        for row in (row for row in rows if row.topic == topic):
            floor = floor_text(row) + ("" if row.reached else " **missed**")
            ours = f"{number(row.ours)} {row.unit}".strip()
            reference = f"{number(row.reference)} {row.unit}" if row.reference is not None else ""
            parts.append(f"| {row.case} | {ours} | {reference} | {ratio_text(row)} | {floor} |")
            if row.note:
                notes.append(f"- {row.case}: {row.note}")
        parts.append("\n" + "\n".join(notes) + "\n" if notes else "")
    parts.append("## Commands\n" + COMMANDS)
    return "\n".join(parts)


def conclude(rows, failures):
    """Says what was missed; the exit code."""
    judged = [row for row in rows if row.floor is not None]
    missed = [row for row in judged if not row.reached]
    print(f"\n{len(judged) - len(missed)} of {len(judged)} floors reached")
    for row in missed:
        print(f"MISSED {row.topic}: {row.case}: {number(row.ratio)}, floor {floor_text(row)}")
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if missed or failures else 0
