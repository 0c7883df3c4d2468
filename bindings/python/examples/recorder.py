"""A recorder: events with the times at which they happened, found again by time.

    python recorder.py DIR record FILE             each line of FILE is a GeoJSON feature with properties.time
    python recorder.py DIR play FROM SECONDS       what happened from a moment on, for so many seconds of it

FROM is a time such as 2018-02-03T12:00:00+00:00. Seeking is exact: the first event at or after it, not the start of some
file or block.
"""

import json
import sys
from datetime import datetime, timedelta

import ckafka

BATCH = 500


def record(log, file):
    """Events in the order of their times, some hundred a batch, all on disk at the end."""
    events = sorted((json.loads(line)["properties"]["time"], line.rstrip("\n").encode()) for line in file)
    offset = None
    for at in range(0, len(events), BATCH):
        offset = log.append_many([(None, line, None, time) for time, line in events[at : at + BATCH]])
    if offset is not None:
        log.wait_durable(offset)
    return len(events)


def play(log, begin, length):
    """Time, size and place of what happened in a stretch of time."""
    with log.reader() as reader:
        reader.seek_time(begin)
        for event in reader:
            if event.time >= begin + length:
                return
            about = json.loads(event.value)["properties"]
            yield event.time, about["mag"], about["place"]


def main(folder, command, *arguments):
    with ckafka.open(folder, create=True) as env:
        env.create_topic("quakes", exist_ok=True)
        log = env.log("quakes")
        if command == "record":
            with open(arguments[0], encoding="utf-8") as file:
                print(record(log, file), "events recorded")
        else:
            begin = datetime.fromisoformat(arguments[0])
            for time, size, place in play(log, begin, timedelta(seconds=float(arguments[1]))):
                print(f"{time:%Y-%m-%d %H:%M:%S} {size:5} {place}")


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[2] not in ("record", "play"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
