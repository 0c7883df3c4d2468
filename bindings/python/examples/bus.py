"""A bus between processes: two write, one follows, and nobody is in the middle.

    python bus.py DIR

The directory is all that they share. Each event has one place in the order that everybody sees, and it stays there: a
follower that comes later, or again, reads the same.
"""

import json
import multiprocessing
import sys

import ckafka

EVENTS = 5


def write(log, name):
    """What a service does: it says what happened. The log came by pickle, and opens itself here."""
    for number in range(EVENTS):
        event = {"from": name, "number": number}
        log.append(json.dumps(event).encode(), key=name.encode())


def follow(log, count, done):
    """What another does: it hears of each event when it happens, in one order for all."""
    with log.reader(start="earliest", follow=True) as reader:
        for record in reader:
            event = json.loads(record.value)
            print(record.offset, event["from"], event["number"], flush=True)
            if record.offset + 1 == count:
                break
    done.set()


def main(folder):
    with ckafka.open(folder, create=True) as env:
        env.create_topic("events", exist_ok=True)
        log = env.log("events")
        expected = log.watermarks().end + 2 * EVENTS
        context = multiprocessing.get_context("spawn")
        done = context.Event()
        processes = [context.Process(target=follow, args=(log, expected, done))]
        processes += [context.Process(target=write, args=(log, name)) for name in ("orders", "payments")]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert done.is_set()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
