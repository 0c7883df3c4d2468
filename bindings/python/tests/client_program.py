"""A program for confluent-kafka, of which nothing but the import and `bootstrap.servers` changes: MODULE SERVERS.

What it prints says nothing of addresses, clocks or who answered, so it is the same wherever it runs.
"""

import importlib
import sys

MODULE, SERVERS = sys.argv[1:3]
client = importlib.import_module(MODULE)
admin = importlib.import_module(f"{MODULE}.admin")
Producer, Consumer, TopicPartition = client.Producer, client.Consumer, client.TopicPartition
KafkaError, KafkaException = client.KafkaError, client.KafkaException

BASE = {"bootstrap.servers": SERVERS}
GROUP = {**BASE, "group.id": "parity", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
TIME = 1700000000000


def show(what, *values):
    print(what, *(repr(value) for value in values))


def error_of(call, *arguments, **named):
    """What a call raises: of a KafkaException code, name and flags."""
    try:
        return call(*arguments, **named)
    except KafkaException as exception:
        error = exception.args[0]
        return error.code(), error.name(), error.fatal(), error == error.code(), isinstance(exception, Exception)
    except Exception as exception:
        return type(exception).__name__


def told(message):
    if message is None:
        return None
    error = message.error()
    if error is not None:
        return error.name(), message.topic(), message.partition(), message.offset()
    return (
        message.topic(), message.partition(), message.offset(), message.key(), message.value(), message.headers(),
        message.timestamp(), message.error(), len(message),
    )  # fmt: skip


def drain(consumer, most=10000):
    """Everything up to the end of each assigned partition, in the order of partition and offset."""
    ends, found = set(), []
    while len(ends) < len(consumer.assignment()):
        message = consumer.poll(20)
        if message is None:
            raise SystemExit("nothing came for 20 seconds")
        if message.error() is not None:
            ends.add(message.partition())
        else:
            found.append(message)
    return sorted(found, key=lambda message: (message.partition(), message.offset()))[:most]


def topics():
    control = admin.AdminClient(BASE)
    wanted = [admin.NewTopic("orders", num_partitions=3, replication_factor=1), admin.NewTopic("single", 1, 1)]
    wanted.append(admin.NewTopic("packed", 1, 1, config={"compression.type": "zstd"}))
    for name, future in sorted(control.create_topics(wanted).items()):
        show("made", name, future.result())
    bad = [
        admin.NewTopic("orders", 3, 1), admin.NewTopic("bad/name", 1, 1), admin.NewTopic("none", 0, 1),
        admin.NewTopic("copies", 1, 5), admin.NewTopic("odd", 1, 1, config={"no.such.key": "1"}),
        admin.NewTopic("worse", 1, 1, config={"retention.ms": "soon"}),
    ]  # fmt: skip
    for name, future in sorted(control.create_topics(bad).items()):
        show("refused", name, error_of(future.result))
    for name, future in control.delete_topics(["never"]).items():
        show("refused", name, error_of(future.result))
    known = control.list_topics(timeout=10).topics
    for name in ("orders", "packed", "single"):
        show("listed", name, sorted(known[name].partitions), known[name].error)
    show("not listed", "never" in known, error_of(control.create_topics, []), error_of(control.delete_topics, "x"))


def reports():
    seen = []

    def report(error, message):
        seen.append((error, message.topic(), message.partition(), message.offset(), message.key(), message.value(), message.timestamp()))

    producer = Producer({**BASE, "linger.ms": 20})
    producer.produce("single", b"value", b"key", timestamp=TIME, on_delivery=report)
    producer.produce("single", "text", "schlüssel", timestamp=TIME + 2000, callback=report)
    producer.produce("single", None, b"tombstone", timestamp=TIME + 1000, on_delivery=report)
    producer.produce("single", b"", b"", timestamp=TIME + 4000, on_delivery=report)
    producer.produce("single", key=None, value=b"no key", timestamp=TIME + 3000, on_delivery=report, partition=0)
    show("left", producer.flush(20), len(producer), producer.poll(0), bool(producer))
    for entry in seen:
        show("report", entry)

    def raising(error, message):
        raise ValueError("from a callback")

    producer.produce("single", b"last", b"k", timestamp=TIME + 5000, on_delivery=raising)
    show("callback", error_of(producer.flush, 20), error_of(producer.flush, 20))
    show("produce", error_of(producer.produce, "single", b"v", partition=7))
    show("produce", error_of(producer.produce, 5, b"v"), error_of(producer.produce, "orders", 5), error_of(producer.produce))
    show("produce", error_of(producer.produce, "orders", b"v" * 2000000), error_of(producer.produce, "orders", b"v", nothing=1))
    show("produce", error_of(producer.produce, "orders", b"v", headers=5), error_of(producer.produce, "orders", b"v", headers=[("a", 5)]))
    show("poll", error_of(producer.poll, "x"), error_of(producer.flush, "x"))


def partitions():
    """Each key goes to the same partition by every partitioner."""
    for name in ("consistent_random", "murmur2", "murmur2_random", "consistent", "fnv1a", "fnv1a_random"):
        placed = {}

        def report(error, message, placed=placed):
            placed[message.key()] = message.partition()

        producer = Producer(BASE, partitioner=name)
        for number in range(40):
            producer.produce("orders", b"%d" % number, b"key-%d" % number, timestamp=TIME + number, on_delivery=report)
        producer.flush(20)
        show(name, [placed[b"key-%d" % number] for number in range(40)])


def headers():
    producer = Producer(BASE)
    many = [("a", b"1"), ("b", None), ("a", "again"), ("é", b""), ("", b"no name")]
    producer.produce("packed", b"with headers", headers=many, timestamp=TIME)
    producer.produce("packed", b"with a dict", headers={"k": "text", "n": None}, timestamp=TIME)
    producer.produce("packed", b"without", headers=[], timestamp=TIME)
    producer.flush(20)
    consumer = Consumer({**GROUP, "enable.partition.eof": True})
    consumer.assign([TopicPartition("packed", 0, client.OFFSET_BEGINNING)])
    for message in drain(consumer):
        show("packed", told(message))
    consumer.close()


def reading():
    consumer = Consumer({**GROUP, "enable.partition.eof": True})
    single = TopicPartition("single", 0)
    show("watermarks", consumer.get_watermark_offsets(single), error_of(consumer.get_watermark_offsets, TopicPartition("single", 9)))
    show("watermarks", error_of(consumer.get_watermark_offsets, 5))
    for time in (0, TIME, TIME + 1, TIME + 2001, TIME + 4500, TIME + 10**9):
        found = consumer.offsets_for_times([TopicPartition("single", 0, time)])
        show("time", [(entry.topic, entry.partition, entry.offset, entry.error) for entry in found])
    consumer.assign([single])
    for message in drain(consumer):
        show("single", told(message))
    show("position", [entry.offset for entry in consumer.position([single])], [(e.topic, e.partition) for e in consumer.assignment()])
    consumer.seek(TopicPartition("single", 0, 3))
    show("sought", told(consumer.poll(20)), [entry.offset for entry in consumer.position([single])])
    consumer.seek(TopicPartition("single", 0, client.OFFSET_END))
    show("end", told(consumer.poll(20)))
    consumer.seek(TopicPartition("single", 0, 100))
    show("out of range", told(consumer.poll(20)))
    consumer.seek(TopicPartition("single", 0, 0))
    batch = consumer.consume(4, 20)
    show("consumed", [message.offset() for message in batch], [entry.offset for entry in consumer.position([single])])
    show("nothing", consumer.consume(0, 1), error_of(consumer.consume, -1), error_of(consumer.consume, "x"), error_of(consumer.poll, "x"))
    show("wrong", error_of(consumer.assign, 5), error_of(consumer.assign, [5]), error_of(consumer.seek, TopicPartition("other", 0, 5)))
    consumer.close()
    show("closed", error_of(consumer.poll, 0), error_of(consumer.consume), error_of(consumer.assign, [single]), error_of(consumer.close))


def several():
    consumer = Consumer({**GROUP, "enable.partition.eof": True})
    consumer.assign([TopicPartition("orders", number, 0) for number in range(3)])
    found = drain(consumer)
    show("orders", len(found), [(message.partition(), message.offset(), message.key()) for message in found])
    consumer.pause([TopicPartition("orders", 1)])
    for number in range(3):
        consumer.seek(TopicPartition("orders", number, 0)) if number != 1 else None
    show("paused", 1 in {message.partition() for message in consumer.consume(50, 20)})
    consumer.unassign()
    show("unassigned", consumer.assignment())
    consumer.close()


def resets():
    consumer = Consumer({**GROUP, "auto.offset.reset": "error"})
    consumer.assign([TopicPartition("single", 0, 77)])
    show("reset", told(consumer.poll(20))[:3])
    consumer.close()
    consumer = Consumer({**GROUP, "auto.offset.reset": "latest"})
    consumer.assign([TopicPartition("single", 0, client.OFFSET_BEGINNING)])
    show("begins", told(consumer.poll(20))[:3])
    consumer.close()


def configuration():
    for settings in (
        {"no.such.key": 1}, {"linger.ms": "soon"}, {"compression.type": "tar"}, {"acks": 99999}, {"partitioner": "mine"},
        {"auto.offset.reset": "never"}, {"isolation.level": "none"}, {"message.max.bytes": 1}, {"on_delivery": 5},
    ):  # fmt: skip
        show("refused", sorted(settings), error_of(Producer, {**BASE, **settings}))
    accepted = {
        "client.id": "me", "security.protocol": "plaintext", "session.timeout.ms": "6000", "socket.keepalive.enable": True,
        "queue.buffering.max.ms": 1, "compression.codec": "lz4", "batch.num.messages": 10, "request.required.acks": 1,
    }  # fmt: skip
    producer = Producer({**BASE, **accepted})
    producer.produce("packed", b"accepted", timestamp=TIME)
    show("accepted", producer.flush(20))
    show("refused", error_of(Consumer, BASE), error_of(Consumer, {"group.id": "g", "nope": 1}), error_of(Producer, 5))


def values():
    show("partition", TopicPartition("t"), TopicPartition("t", 1, 5), TopicPartition("t", 1) == TopicPartition("t", 1, 9))
    show("partition", TopicPartition("a", 2) < TopicPartition("b", 1), error_of(TopicPartition, 5), error_of(TopicPartition, "t", "x"))
    show("offsets", client.OFFSET_BEGINNING, client.OFFSET_END, client.OFFSET_STORED, client.OFFSET_INVALID)
    error = KafkaError(KafkaError._TIMED_OUT, "why", True, True)
    show("error", error, str(error), error.code(), error.name(), error.str(), error.fatal(), error.retriable(), hash(error))
    show("error", KafkaError(3) == 3, KafkaError(3) == KafkaError(3), KafkaError(3) != KafkaError(4), KafkaException(error).args[0] == error)


for part in (topics, reports, partitions, headers, reading, several, resets, configuration, values):
    part()
