"""Whatever is passed to the client face where it does not belong gets an error that names it; nothing is queued or lost."""

import ckafka
import pytest
from ckafka import client
from ckafka.client import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from ckafka.client.admin import AdminClient, NewTopic

WRONG_BYTES = [7, 1.5, object(), ["x"], True, bytearray(b"x"), memoryview(b"x")]
NO_GROUPS = [
    lambda consumer: consumer.subscribe(["t"]),
    lambda consumer: consumer.subscribe(["t"], on_assign=print),
    lambda consumer: consumer.commit(),
    lambda consumer: consumer.commit(asynchronous=False),
    lambda consumer: consumer.store_offsets(offsets=[TopicPartition("t", 0, 1)]),
    lambda consumer: consumer.consumer_group_metadata(),
    lambda consumer: consumer.assign([TopicPartition("t", 0, client.OFFSET_STORED)]),
]


@pytest.fixture
def producer(path):
    with Producer({"ckafka.path": path}) as made:
        yield made
        assert len(made) == 0


@pytest.fixture
def consumer(path):
    with Consumer({"ckafka.path": path, "group.id": "g"}) as made:
        yield made


def refused(code, *words):
    """A KafkaException of that code whose text has all words."""

    class Refusal:
        def __enter__(self):
            return self

        def __exit__(self, kind, exception, trace):
            assert kind is KafkaException, exception
            error = exception.args[0]
            assert error.name() == code, error
            for word in words:
                assert word in error.str(), error
            return True

    return Refusal()


@pytest.mark.parametrize("wrong", WRONG_BYTES)
def test_values_and_keys(producer, wrong):
    with pytest.raises(TypeError, match="value must be bytes"):
        producer.produce("t", wrong)
    with pytest.raises(TypeError, match="key must be bytes"):
        producer.produce("t", b"v", wrong)
    with pytest.raises(TypeError, match="key must be bytes"):
        producer.produce("t", b"v", wrong, on_delivery=print)


@pytest.mark.parametrize("wrong", [None, 5, b"t", ["t"], {}])
def test_topics_that_are_no_text(producer, consumer, wrong):
    with pytest.raises(TypeError):
        producer.produce(wrong, b"v")
    with pytest.raises(TypeError):
        TopicPartition(wrong, 0)
    with pytest.raises(TypeError):
        NewTopic(wrong)
    if wrong is not None:
        with pytest.raises(TypeError):
            producer.list_topics(wrong)


@pytest.mark.parametrize("wrong", ["", "a/b", "..", "x" * 250, "ü"])
def test_names_that_no_topic_may_have(producer, wrong):
    with refused("TOPIC_EXCEPTION"):
        producer.produce(wrong, b"v")


def test_what_else_produce_takes(producer):
    producer.produce("t", b"v")
    for partition in (-2, 1, 99):
        with refused("_UNKNOWN_PARTITION", str(partition)):
            producer.produce("t", b"v", partition=partition)
    for name, wrong in (("partition", "0"), ("partition", None), ("timestamp", "now"), ("timestamp", 1.5)):
        with pytest.raises(TypeError):
            producer.produce("t", b"v", **{name: wrong})
    with refused("INVALID_TIMESTAMP"):
        producer.produce("t", b"v", timestamp=-5)
    with pytest.raises(TypeError, match="callable"):
        producer.produce("t", b"v", on_delivery=5)
    for headers in (5, "text", [("a", 5)], [("a",)], [(5, b"v")], ["ab"], {"a": 5}, {None: b"v"}):
        with pytest.raises(TypeError):
            producer.produce("t", b"v", headers=headers)
    with pytest.raises(ValueError, match="Unicode"):
        producer.produce("t", b"v", headers={"\ud800": b"v"})
    with refused("MSG_SIZE_TOO_LARGE", "1000000"):
        producer.produce("t", b"v" * 1000001)
    with refused("MSG_SIZE_TOO_LARGE"):
        producer.produce("t", b"v", b"k" * 1000000)
    with refused("MSG_SIZE_TOO_LARGE"):
        producer.produce("t", b"v", headers={"h": b"x" * 1000000})
    for wrong in (None, "x", True):
        with pytest.raises(TypeError):
            producer.poll(wrong)
        with pytest.raises(TypeError):
            producer.flush(wrong)
    producer.flush()
    assert [record.value for record in producer._env.log("t").read()] == [b"v"]


@pytest.mark.parametrize("call", NO_GROUPS)
def test_groups_are_not_here_and_say_so(consumer, call):
    with refused("_NOT_IMPLEMENTED", "not in this version", "assign("):
        call(consumer)
    assert consumer.committed([TopicPartition("t", 0)])[0].offset == client.OFFSET_INVALID
    assert consumer.memberid() is None


def test_transactions_are_not_made_and_say_so(path, producer):
    for call in (producer.init_transactions, producer.begin_transaction, producer.commit_transaction, producer.abort_transaction):
        with refused("_NOT_IMPLEMENTED", "transactions"):
            call()
    with refused("_NOT_IMPLEMENTED", "transactional.id"):
        Producer({"ckafka.path": path, "transactional.id": "me"})


@pytest.mark.parametrize("wrong", [None, 5, "t", TopicPartition("t", 0), (TopicPartition("t", 0),), [5], [None], ["t"]])
def test_lists_of_partitions(consumer, wrong):
    calls = (
        consumer.assign, consumer.incremental_assign, consumer.incremental_unassign, consumer.pause, consumer.resume, consumer.position,
        consumer.offsets_for_times, consumer.committed,
    )  # fmt: skip
    for call in calls:
        with pytest.raises(TypeError, match="TopicPartition"):
            call(wrong)


def test_what_else_a_consumer_takes(consumer):
    for wrong in (None, 5, "t", ("t", 0)):
        with pytest.raises(TypeError, match="TopicPartition"):
            consumer.seek(wrong)
        with pytest.raises(TypeError, match="TopicPartition"):
            consumer.get_watermark_offsets(wrong)
    for wrong in ("1", [], object()):
        with pytest.raises(TypeError):
            consumer.poll(wrong)
        with pytest.raises(TypeError):
            consumer.consume(1, wrong)
        with pytest.raises(TypeError):
            consumer.consume(wrong)
    for number in (-1, 1000001):
        with pytest.raises(ValueError, match="between 0 and 1000000"):
            consumer.consume(number)
    with refused("_UNKNOWN_PARTITION", "t-0 is not assigned"):
        consumer.seek(TopicPartition("t", 0, 5))
    with refused("_UNKNOWN_PARTITION"):
        consumer.get_watermark_offsets(TopicPartition("t", 0))
    with refused("_UNKNOWN_PARTITION"):
        consumer.offsets_for_times([TopicPartition("t", 0, 5)])
    for entry in (TopicPartition("t", -1, 0), TopicPartition("t", 0, -500)):
        with refused("_INVALID_ARG"):
            consumer.assign([entry])
    with refused("_CONFLICT", "twice"):
        consumer.assign([TopicPartition("t", 0), TopicPartition("t", 0)])
    assert consumer.assignment() == []


@pytest.mark.parametrize(
    "settings",
    [
        {"linger.sm": 5}, {"": 1}, {"linger.ms": "x"}, {"linger.ms": -1}, {"linger.ms": []}, {"batch.size": 0}, {"batch.size": "big"},
        {"compression.type": "tar"}, {"acks": "some"}, {"acks": 1001}, {"partitioner": 5}, {"isolation.level": True},
        {"enable.partition.eof": "perhaps"}, {"on_delivery": "f"}, {"error_cb": 5}, {"group.id": 5}, {"message.max.bytes": 1.0e12},
        {"default.topic.config": {"nope": 1}},
    ],
)  # fmt: skip
def test_settings(path, settings):
    for kind in (Producer, Consumer, AdminClient):
        with refused("_INVALID_ARG"):
            kind({"ckafka.path": path, "group.id": "g", **settings})


@pytest.mark.parametrize("wrong", [5, "text", [("ckafka.path", "x")], {5: 1}, {"default.topic.config": 5}])
def test_settings_that_are_none(wrong):
    with pytest.raises(TypeError):
        Producer(wrong)


@pytest.mark.parametrize("servers", ["localhost:9092", "file://other/data", "file:data", "http://x/data", "file:///data?x=1", "/data", ""])
def test_places_that_are_no_directory(servers):
    with refused("_INVALID_ARG"):
        Producer({"bootstrap.servers": servers})


def test_places_with_odd_names(tmp_path):
    for name in ("with space", "ü", "a%20b"):
        escaped = name.replace("%", "%25").replace(" ", "%20")
        with Producer({"bootstrap.servers": f"file://{tmp_path}/{escaped}"}) as producer:
            producer.produce("t", b"v")
        with ckafka.open(tmp_path / name) as env:
            assert env.watermarks("t").end == 1


def test_a_directory_that_is_none(tmp_path):
    (tmp_path / "file").write_text("x")
    for kind in (Producer, Consumer, AdminClient):
        with pytest.raises(KafkaException, match="file"):
            kind({"ckafka.path": tmp_path / "file", "group.id": "g"})


def test_admin(path):
    admin = AdminClient({"ckafka.path": path})
    for wrong in (5, [5], ["t"], [None]):
        with pytest.raises(TypeError):
            admin.create_topics(wrong)
    for wrong in (None, "t", [5], ("t",)):
        with pytest.raises(TypeError):
            admin.delete_topics(wrong)
    for call in (admin.create_topics, admin.delete_topics):
        with pytest.raises(ValueError, match="non-empty"):
            call([])
        with pytest.raises(TypeError, match="nothing"):
            call([NewTopic("t")] if call == admin.create_topics else ["t"], nothing=1)
    bad = [NewTopic("a/b"), NewTopic("n", 0), NewTopic("r", 1, 3), NewTopic("c", 1, 1, config={"x": "y"}), NewTopic("z\0z")]
    codes = ["TOPIC_EXCEPTION", "INVALID_PARTITIONS", "INVALID_REPLICATION_FACTOR", "INVALID_CONFIG", "_INVALID_ARG"]
    for validate_only in (False, True):
        futures = admin.create_topics(bad, validate_only=validate_only)
        assert [future.exception().args[0].name() for future in futures.values()] == codes
    assert admin.create_topics([NewTopic("fine", 3)], validate_only=True)["fine"].result() is None
    assert admin.list_topics().topics == {}


def test_closed_clients(path):
    producer, consumer, admin = Producer({"ckafka.path": path}), Consumer({"ckafka.path": path, "group.id": "g"}), AdminClient({"ckafka.path": path})
    producer.produce("t", b"v")
    for made in (producer, consumer, admin):
        made.close()
        made.close()
    calls = [
        lambda: producer.produce("t", b"v"), lambda: producer.produce("t", b"v", b"k", on_delivery=print), producer.flush,
        lambda: producer.poll(0), producer.list_topics, consumer.poll, consumer.consume, lambda: consumer.assign([]), consumer.assignment,
        lambda: consumer.seek(TopicPartition("t", 0, 0)), consumer.commit, lambda: consumer.subscribe(["t"]),
        lambda: admin.create_topics([NewTopic("u")]), lambda: admin.delete_topics(["t"]), admin.list_topics,
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            call()
    with ckafka.open(path) as env:
        assert env.watermarks("t").end == 1


def test_errors():
    for wrong in ("x", None, 1.5):
        with pytest.raises(TypeError):
            KafkaError(wrong)
    with pytest.raises(AttributeError):
        KafkaError.NO_SUCH_CODE
    unknown = KafkaError(4711)
    assert (unknown.name(), unknown.str()) == ("ERR_4711?", "Err-4711?") and unknown != object() and unknown < 5000
    assert all(getattr(KafkaError, name) is not None for name in dir(KafkaError))
