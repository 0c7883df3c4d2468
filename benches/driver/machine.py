"""The machine that figures were taken on, and how busy others kept it meanwhile."""

import datetime
import os
import pathlib
import platform
import re
import resource


def snapshot():
    """Time spent by all and by this run so far, in seconds of one core."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    ticks = [int(field) for field in fields]
    idle = ticks[3] + ticks[4]
    steal = ticks[7] if len(ticks) > 7 else 0
    per_second = os.sysconf("SC_CLK_TCK")
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = (sum(ticks[:8]) - idle - steal) / per_second
    return {"busy": busy, "steal": steal / per_second, "own": own.ru_utime + own.ru_stime}


def _first(path, pattern, otherwise="unknown"):
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    except OSError:
        return otherwise
    return found[1].strip() if found else otherwise


def _filesystem(path):
    """Type of the file system that holds a path."""
    path, best = path.absolute(), ("", "unknown")
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if (path == pathlib.Path(place) or pathlib.Path(place) in path.parents) and len(place) >= len(best[0]):
            best = (place, kind)
    return best[1]


def describe(work, before, seconds, quick):
    """Facts about the machine and the run."""
    after = snapshot()
    others = (after["busy"] - before["busy"]) - (after["own"] - before["own"])
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": _first("/proc/cpuinfo", r"^model name\s*:\s*(.*)$"),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "filesystem": _filesystem(work),
        "seconds": round(seconds),
        "mode": "quick" if quick else "full",
        "others": round(max(others, 0) / max(seconds, 1), 2),
        "steal": round((after["steal"] - before["steal"]) / max(seconds, 1), 3),
    }
