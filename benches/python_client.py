#!/usr/bin/env python3
"""python_client.py MODULE PLACE records=N   what a program for confluent-kafka pays for a message: one JSON line of nanoseconds.

MODULE is confluent_kafka, with a broker at PLACE, or ckafka.client, with a directory there. The same loops run with both, with
the settings that a program gets which sets none, but for a queue that holds what a broker is behind by. Producing ends when
all is confirmed; consuming begins with an assignment. Time is that of the wall, for the broker works, too.
"""

import importlib
import pathlib
import sys
import time

PROJECT = pathlib.Path(__file__).resolve().parents[1]
VALUE = bytes(range(97, 122)) * 4
KEYS = [b"key-%05d" % number for number in range(1000)]
MANY = 1000
POLL_EVERY = 100
PATIENCE_S = 60


def main(module, place, setting):
    records = int(setting.partition("=")[2])
    if module == "ckafka.client":
        sys.path.insert(0, str(PROJECT / "bindings" / "python" / "src"))
        place = f"file://{place}"
    client = importlib.import_module(module)
    admin = importlib.import_module(f"{module}.admin")
    topics = [f"{name}-{time.time_ns()}" for name in ("plain", "keyed", "reported")]
    control = admin.AdminClient({"bootstrap.servers": place})
    for future in control.create_topics([admin.NewTopic(name, 1, 1) for name in topics]).values():
        future.result()
    plain, keyed, reported = topics
    producer = client.Producer({"bootstrap.servers": place, "queue.buffering.max.messages": 10_000_000})
    for topic in topics:
        producer.produce(topic, VALUE)
    producer.flush(PATIENCE_S)
    found = {
        "produce": measure(produce, producer, plain, records),
        "keyed": measure(produce_keyed, producer, keyed, records // 4),
        "reported": measure(produce_reported, producer, reported, records // 4),
        "consume": measure(consume, client, place, plain, records),
    }
    import json

    print(json.dumps(found))


def measure(work, *arguments):
    """Nanoseconds a message; the last argument is how many there are."""
    begun = time.perf_counter_ns()
    work(*arguments)
    return (time.perf_counter_ns() - begun) / arguments[-1]


def produce(producer, topic, count):
    for _ in range(count):
        producer.produce(topic, VALUE)
    finish(producer)


def produce_keyed(producer, topic, count):
    keys = KEYS
    for number in range(count):
        producer.produce(topic, VALUE, keys[number % 1000])
    finish(producer)


def produce_reported(producer, topic, count):
    seen = []

    def report(error, message):
        if error is not None:
            raise SystemExit(str(error))
        seen.append(None)

    for number in range(count):
        producer.produce(topic, VALUE, on_delivery=report)
        if number % POLL_EVERY == 0:
            producer.poll(0)
    finish(producer)
    if len(seen) != count:
        raise SystemExit(f"{len(seen)} of {count} were reported")


def finish(producer):
    left = producer.flush(PATIENCE_S)
    if left:
        raise SystemExit(f"{left} messages were not delivered in {PATIENCE_S} seconds")


def consume(client, place, topic, count):
    settings = {"bootstrap.servers": place, "group.id": "bench", "enable.auto.commit": False}
    consumer = client.Consumer(settings)
    consumer.assign([client.TopicPartition(topic, 0, client.OFFSET_BEGINNING)])
    left = count
    while left:
        messages = consumer.consume(min(MANY, left), PATIENCE_S)
        if not messages or messages[0].error() is not None:
            raise SystemExit(f"{left} messages did not come")
        left -= len(messages)
    consumer.close()


main(*sys.argv[1:])
