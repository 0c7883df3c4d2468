"""What the client face does on a directory beyond what is compared with confluent-kafka: batches, delivery, partitions, ends."""

import os
import threading
import time

import ckafka
import pytest
from ckafka.client import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from ckafka.client.admin import AdminClient, NewTopic


@pytest.fixture
def producer(path):
    with Producer({"ckafka.path": path}) as made:
        yield made


@pytest.fixture
def consumer(path):
    with Consumer({"ckafka.path": path, "group.id": "g", "auto.offset.reset": "earliest"}) as made:
        yield made


def values(path, topic, partition=0):
    with ckafka.open(path) as env:
        return [record.value for record in env.log(topic, partition).read()]


def batches(path, topic):
    """How many records each batch on disk has."""
    counts = []
    with ckafka.open(path) as env, env.log(topic).reader() as reader:
        while batch := reader.fetch(max_bytes=1):
            counts.append(len(batch))
    return counts


def test_order_is_kept_whatever_the_records_look_like(producer, consumer):
    for number in range(3000):
        value = b"%d" % number
        kind = number % 5
        if kind == 0:
            producer.produce("t", value)
        elif kind == 1:
            producer.produce("t", value, b"key")
        elif kind == 2:
            producer.produce("t", value, headers={"h": b"1"})
        elif kind == 3:
            producer.produce("t", None, value, timestamp=number + 1)
        else:
            producer.produce("t", value.decode(), on_delivery=lambda error, message: None)
    assert producer.flush() == 0
    consumer.assign([TopicPartition("t", 0)])
    messages = consumer.consume(3000, 10)
    assert [int(message.value() or message.key()) for message in messages] == list(range(3000))
    assert [message.offset() for message in messages] == list(range(3000))
    assert messages[2].headers() == [("h", b"1")] and messages[1].headers() is None
    assert messages[3].timestamp() == (1, 4)


def test_a_batch_waits_for_linger_ms_and_no_longer(path):
    with Producer({"ckafka.path": path, "linger.ms": 2000}) as producer, ckafka.open(path, create=True) as env:
        producer.produce("t", b"a")
        producer.produce("t", b"b")
        assert env.watermarks("t").end == 0 and len(producer) == 2
        deadline = time.monotonic() + 20
        while env.watermarks("t").end < 2:
            assert time.monotonic() < deadline, "nobody kept the time"
            time.sleep(0.01)
        assert len(producer) == 0
    assert batches(path, "t") == [2]


def test_without_linger_each_record_is_there_at_once(path):
    with Producer({"ckafka.path": path, "linger.ms": 0}) as producer, ckafka.open(path) as env:
        producer.produce("t", b"a")
        assert env.watermarks("t").end == 1
    assert threading.active_count() == 1 or not any(t.name == "ckafka linger" for t in threading.enumerate())


@pytest.mark.parametrize("settings, most", [({"batch.num.messages": 10}, 10), ({"batch.size": 1000}, 9)])
def test_a_batch_is_never_more_than_it_may_be(path, settings, most):
    with Producer({"ckafka.path": path, "linger.ms": 60000, **settings}) as producer:
        for _ in range(100):
            producer.produce("t", b"x" * 100)
    counts = batches(path, "t")
    assert sum(counts) == 100 and 1 < max(counts) <= most


def test_a_batch_that_is_too_much_for_its_topic_goes_in_parts(path):
    admin = AdminClient({"ckafka.path": path})
    admin.create_topics([NewTopic("small", 1, 1, config={"max.message.bytes": "2000"})])["small"].result()
    told = []
    with Producer({"ckafka.path": path, "linger.ms": 60000}) as producer:
        for number in range(100):
            size = 5000 if number == 50 else 100
            producer.produce("small", b"x" * size, on_delivery=lambda error, message: told.append((error, message.offset())))
    assert [entry for entry in told if entry[0] is not None] == [(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), None)]
    assert len(told) == 100 and len(values(path, "small")) == 99


@pytest.mark.parametrize("codec, number", [("none", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)])
def test_compression(path, codec, number):
    with Producer({"ckafka.path": path, "compression.type": codec}) as producer:
        for _ in range(50):
            producer.produce("t", b"x" * 100)
    with ckafka.open(path) as env, env.log("t").reader() as reader:
        batch = reader.fetch()
        assert batch.raw[22] & 7 == number and list(batch.values()) == [b"x" * 100] * 50


def test_acks_all_is_told_once_it_is_on_disk(path):
    ends = []
    with Producer({"ckafka.path": path, "acks": "all"}) as producer, ckafka.open(path) as env:
        producer.produce("t", b"v", on_delivery=lambda error, message: ends.append(env.watermarks("t").durable))
        producer.flush()
    assert ends == [1]


def test_records_without_a_key_stay_together_for_a_batch_and_spread_over_partitions(path):
    AdminClient({"ckafka.path": path}).create_topics([NewTopic("t", 3, 1)])["t"].result()
    with Producer({"ckafka.path": path, "batch.num.messages": 10, "linger.ms": 60000}) as producer:
        for number in range(600):
            producer.produce("t", b"%d" % number)
    found = [values(path, "t", partition) for partition in range(3)]
    assert all(found) and sum(map(len, found)) == 600
    first = [int(value) for value in found[0][:10]]
    assert first == list(range(first[0], first[0] + 10))


def test_reports(producer):
    told = []
    producer.produce("t", b"v", b"k", timestamp=5000, on_delivery=lambda *report: told.append(report))
    assert len(producer) == 1 and told == []
    assert producer.flush() == 0
    error, message = told[0]
    assert error is None and isinstance(message, Message) and message.latency() > 0
    assert (message.topic(), message.partition(), message.offset(), message.timestamp()) == ("t", 0, 0, (1, 5000))


def test_reports_of_all_records(path):
    told = []
    settings = {"ckafka.path": path, "on_delivery": lambda error, message: told.append(message.offset())}
    with Producer(settings) as producer:
        for _ in range(10):
            producer.produce("t", b"v")
        producer.flush()
    assert told == list(range(10))


def test_poll_waits_for_a_report(path):
    with Producer({"ckafka.path": path, "linger.ms": 50}) as producer:
        told = []
        producer.produce("t", b"v", on_delivery=lambda *report: told.append(report))
        begun = time.monotonic()
        assert producer.poll(10) == 1 and len(told) == 1 and time.monotonic() - begun < 5
        begun = time.monotonic()
        assert producer.poll(0.1) == 0 and time.monotonic() - begun >= 0.09


def test_callbacks_that_raise_lose_no_report(producer):
    told = []

    def report(error, message):
        told.append(message.offset())
        if message.offset() in (2, 5):
            raise ValueError(message.offset())

    for _ in range(10):
        producer.produce("t", b"v", on_delivery=report)
    for number in (2, 5):
        with pytest.raises(ValueError, match=str(number)):
            producer.flush()
    assert producer.flush() == 0 and told == list(range(10)) and len(producer) == 0


def test_a_callback_may_produce_and_poll(producer, path):
    def again(error, message):
        producer.produce("t", b"from a callback")
        producer.poll(0)

    producer.produce("t", b"first", on_delivery=again)
    producer.flush()
    producer.flush()
    assert values(path, "t") == [b"first", b"from a callback"]


def test_too_many_reports_that_nobody_takes(path):
    with Producer({"ckafka.path": path, "queue.buffering.max.messages": 10, "linger.ms": 0}) as producer:
        with pytest.raises(BufferError, match="Queue full"):
            for _ in range(20):
                producer.produce("t", b"v", on_delivery=lambda error, message: None)
        assert producer.poll(0) == 10
        producer.produce("t", b"v", on_delivery=lambda error, message: None)
    assert len(values(path, "t")) == 11


def test_several_threads_produce_at_once(path):
    with Producer({"ckafka.path": path, "linger.ms": 1, "batch.num.messages": 50}) as producer:

        def work(name):
            for number in range(5000):
                producer.produce("t", b"%s %d" % (name, number), None if number % 3 else b"k")

        threads = [threading.Thread(target=work, args=(name,)) for name in (b"a", b"b", b"c", b"d")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = values(path, "t")
    for name in (b"a", b"b", b"c", b"d"):
        assert [int(value.split()[1]) for value in found if value.startswith(name)] == list(range(5000))


def test_what_is_queued_when_the_program_ends_is_appended(run, path):
    code = "import sys; from ckafka.client import Producer\nproducer = Producer({'ckafka.path': sys.argv[1], 'linger.ms': 60000})\n"
    run(code + "for n in range(100): producer.produce('t', b'v')", path)
    run(code + "for n in range(100): producer.produce('t', b'v')\ndel producer", path)
    assert len(values(path, "t")) == 200


def test_a_fork_leaves_the_queue_to_the_parent(run, path):
    code = """
import os, sys
from ckafka.client import Consumer, Producer, TopicPartition
settings = {"ckafka.path": sys.argv[1], "linger.ms": 60000}
producer, consumer = Producer(settings), Consumer({**settings, "group.id": "g"})
consumer.assign([TopicPartition("t", 0, 0)])
producer.produce("t", b"of the parent")
child = os.fork()
if child == 0:
    for call in (lambda: producer.produce("t", b"x"), producer.flush, lambda: producer.poll(0), lambda: consumer.poll(0)):
        try:
            call()
            os._exit(1)
        except RuntimeError as error:
            assert "fork" in str(error)
    own = Producer(settings)
    own.produce("t", b"of the child")
    own.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
producer.flush()
print([message.value() for message in consumer.consume(2, 5)])
"""
    assert sorted(eval(run(code, path))) == [b"of the child", b"of the parent"]


def test_a_topic_that_is_made_anew(producer, path):
    producer.produce("t", b"old")
    producer.flush()
    told = []
    AdminClient({"ckafka.path": path}).delete_topics(["t"])["t"].result()
    producer.produce("t", b"lost", on_delivery=lambda error, message: told.append(error))
    producer.flush()
    assert told == [KafkaError.UNKNOWN_TOPIC_OR_PART]
    producer.produce("t", b"new")
    producer.flush()
    assert values(path, "t") == [b"new"]


def test_topics_are_not_made_where_that_is_not_wanted(path):
    with Producer({"ckafka.path": path, "ckafka.auto.create.topics": False}) as producer:
        with pytest.raises(KafkaException, match="there is no topic t"):
            producer.produce("t", b"v")
        assert producer.list_topics().topics == {}


def test_a_consumer_waits_for_records_and_for_topics(consumer, producer):
    consumer.assign([TopicPartition("later", 0), TopicPartition("other", 0)])
    assert consumer.poll(0.05) is None

    def work():
        time.sleep(0.1)
        producer.produce("later", b"v")
        producer.flush()

    thread = threading.Thread(target=work)
    thread.start()
    message = consumer.poll(10)
    thread.join()
    assert message.value() == b"v" and consumer.poll(0.01) is None


def test_a_topic_that_stays_away_is_told_of_once(path):
    settings = {"ckafka.path": path, "group.id": "g", "topic.metadata.propagation.max.ms": 20, "auto.offset.reset": "earliest"}
    with Consumer(settings) as consumer:
        consumer.assign([TopicPartition("never", 3)])
        message = consumer.poll(10)
        assert message.error() == KafkaError.UNKNOWN_TOPIC_OR_PART and (message.topic(), message.partition()) == ("never", 3)
        assert consumer.poll(0.05) is None


def test_messages_outlive_their_consumer(path, producer):
    producer.produce("t", b"v" * 100, b"k", headers={"h": b"1"})
    producer.flush()
    with Consumer({"ckafka.path": path, "group.id": "g"}) as consumer:
        consumer.assign([TopicPartition("t", 0, OFFSET_BEGINNING)])
        message = consumer.poll(10)
    AdminClient({"ckafka.path": path}).delete_topics(["t"])["t"].result()
    assert (message.value(), message.key(), message.headers()) == (b"v" * 100, b"k", [("h", b"1")])
    message.set_value({"a": 1})
    message.set_headers(None)
    assert message.value() == {"a": 1} and message.key() == b"k" and message.headers() is None and message != object()


def test_times_that_a_broker_set_are_told_as_such(path):
    with ckafka.open(path, create=True) as env:
        env.create_topic("t", message_timestamp_type="LogAppendTime")
        env.log("t").append(b"v")
        stamp = next(env.log("t").read()).timestamp
    with Consumer({"ckafka.path": path, "group.id": "g"}) as consumer:
        consumer.assign([TopicPartition("t", 0, 0)])
        assert consumer.poll(10).timestamp() == (2, stamp)


def test_the_latest_is_where_the_end_was(consumer, producer):
    producer.produce("t", b"before")
    producer.flush()
    consumer.assign([TopicPartition("t", 0, OFFSET_END)])
    assert consumer.poll(0) is None
    producer.produce("t", b"after")
    producer.flush()
    assert consumer.poll(10).value() == b"after"


def test_partitions_take_turns(path, consumer):
    AdminClient({"ckafka.path": path}).create_topics([NewTopic("t", 4, 1)])["t"].result()
    with Producer({"ckafka.path": path}) as producer:
        for number in range(4000):
            producer.produce("t", b"%d" % number, partition=number % 4)
    consumer.assign([TopicPartition("t", number) for number in range(4)])
    messages = consumer.consume(4000, 10)
    assert len(messages) == 4000
    for partition in range(4):
        assert [m.offset() for m in messages if m.partition() == partition] == list(range(1000))
    consumer.incremental_unassign([TopicPartition("t", 0), TopicPartition("t", 1)])
    consumer.incremental_assign([TopicPartition("t", 0, 990)])
    assert sorted({m.partition() for m in consumer.consume(10, 10)}) == [0]
    assert [entry.partition for entry in consumer.assignment()] == [2, 3, 0]


def test_a_directory_that_may_only_be_read(path, producer):
    producer.produce("t", b"v")
    producer.close()
    for folder, _, files in os.walk(path):
        for name in files:
            os.chmod(os.path.join(folder, name), 0o444)
    with Consumer({"ckafka.path": path, "group.id": "g"}) as consumer:
        consumer.assign([TopicPartition("t", 0, 0)])
        assert consumer.poll(10).value() == b"v"


@pytest.mark.parametrize("partitions", [1, 2])
def test_closing_ends_a_poll_of_another_thread(path, consumer, partitions):
    with ckafka.open(path) as env:
        env.create_topic("t", partitions=2)
    consumer.assign([TopicPartition("t", number, 0) for number in range(partitions)])
    assert consumer.poll(0) is None
    said = []

    def work():
        try:
            consumer.poll(30)
        except RuntimeError as error:
            said.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.2)
    consumer.close()
    thread.join()
    assert said == ["Consumer closed"]


def test_ctrl_c_ends_a_poll(run, path):
    code = """
import _thread, signal, sys, threading, time, os
from ckafka.client import Consumer, TopicPartition
consumer = Consumer({"ckafka.path": sys.argv[1], "group.id": "g"})
consumer.assign([TopicPartition("t", n, 0) for n in range(int(sys.argv[2]))])
begun = time.monotonic()
try:
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    consumer.poll(30)
except KeyboardInterrupt:
    print(time.monotonic() - begun < 15)
"""
    with ckafka.open(path, create=True) as env:
        env.create_topic("t", partitions=2)
    for partitions in (1, 2):
        assert run(code, path, partitions) == "True\n"


@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("acks", [1, "all"])
def test_what_control_c_interrupts_is_neither_lost_nor_doubled(path, monkeypatch, when, acks):
    """A handler that raises as the records of a flush are about to get into the log, and as they have."""
    from ckafka._lib import lib

    told = []
    producer = Producer({"ckafka.path": path, "linger.ms": 10_000, "acks": acks})
    for number in range(10):
        producer.produce("t", b"%d" % number, on_delivery=lambda error, message: told.append((error, message)))
    append_packed = lib.ckafka_append_packed

    def interrupted(*arguments):
        if when == "behind" and (code := append_packed(*arguments)):
            return code  # the log is opened first
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(lib, "ckafka_append_packed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        producer.flush()
    assert len(producer) == 10 and not told
    assert producer.flush() == 0
    if when == "behind" and acks == "all":
        assert all(error == KafkaError(KafkaError._INTR) and "in the log" in error.str() for error, _ in told)
    else:
        assert [(error, message.offset()) for error, message in told] == [(None, number) for number in range(10)]
    assert len(told) == 10
    producer.close()
    assert values(path, "t") == [b"%d" % number for number in range(10)]
