"""Whatever is passed where it does not belong gets an error that names it, and nothing is lost or appended."""

import datetime

import ckafka
import pytest

WRONG_DATA = ["text", 7, 1.5, object(), ["x"], True]


def raises(kind, *words):
    return pytest.raises(kind, match="(?s)" + ".*".join(words))


@pytest.mark.parametrize("wrong", WRONG_DATA)
def test_bytes(log, wrong):
    with raises(TypeError, "value must be bytes"):
        log.append(wrong)
    with raises(TypeError, "key must be bytes"):
        log.append(b"v", key=wrong)
    with raises(TypeError, r"records\[1\]: value must be bytes"):
        log.append_many([(b"k", b"v"), (b"k", wrong)])
    with raises(TypeError, r"records\[0\]: key must be bytes"):
        log.append_many([(wrong, b"v")])
    with raises(TypeError, r"values\[2\]: value"):
        log.append_values([b"v", b"v", wrong])
    with raises(TypeError, "batch must be bytes"):
        log.append_raw(wrong)
    with raises(TypeError, "batches must be bytes"):
        ckafka.decode(wrong)
    with raises(TypeError, "key must be bytes"):
        ckafka.partition_for_key(wrong, 3)
    assert log.watermarks().end == 0


@pytest.mark.parametrize("wrong", [None, 5, b"bytes", "text", {"k": b"v"}, memoryview(b"v")])
def test_iterables(log, wrong):
    with raises(TypeError, "records must be an iterable"):
        log.append_many(wrong)
    with raises(TypeError, "values must be an iterable"):
        log.append_values(wrong)


@pytest.mark.parametrize("wrong", [(), (b"k",), (b"k", b"v", None, 1, 5)])
def test_records_of_another_number_of_parts(log, wrong):
    with raises(ValueError, r"records\[1\]: a tuple must be"):
        log.append_many([b"v", wrong])


def test_nothing_at_all(log):
    for nothing in ([], iter(())):
        with raises(ckafka.InvalidArgument):
            log.append_many(nothing)
    with raises(ckafka.InvalidArgument):
        log.append_values([])
    with raises(ckafka.InvalidBatch):
        log.append_raw(b"")


def test_a_generator_that_raises_appends_nothing(log):
    def half():
        yield b"k", b"v"
        yield b"k", b"v"
        raise KeyError("half way")

    for append in (log.append_many, log.append_values, log.append_many_durable):
        with raises(KeyError, "half way"):
            append(half())
    assert log.watermarks().end == 0


@pytest.mark.parametrize(
    "wrong, kind, words",
    [
        ("text", TypeError, "headers must be"),
        (7, TypeError, "headers must be"),
        ([b"pair"], TypeError, r"headers\[0\] must be a pair"),
        ([("a", b"1"), ("b",)], TypeError, r"headers\[1\] must be a pair"),
        ([(b"a", b"1")], TypeError, r"headers\[0\] name must be a str"),
        ({"a": "1"}, TypeError, r"headers\[0\] value must be bytes"),
        ({"a\0b": b"1"}, ValueError, r"headers\[0\] name holds a zero"),
        ({"\udcff": b"1"}, ValueError, r"headers\[0\] name is not valid Unicode"),
    ],
)
def test_headers(log, wrong, kind, words):
    with raises(kind, words):
        log.append(b"v", headers=wrong)
    with raises(kind, words):
        log.append_many([(b"k", b"v", wrong)])
    assert log.watermarks().end == 0


def test_times(log):
    naive = datetime.datetime(2026, 1, 1)
    reader = log.reader()
    for call in (lambda t: log.append(b"v", timestamp=t), reader.seek_time, log.offset_for_time,
                 lambda t: log.append_many([b"v"], timestamp=t)):  # fmt: skip
        with raises(ValueError, "without a time zone"):
            call(naive)
        for wrong in ("now", 1.5, True, b"1"):
            with raises(TypeError, "milliseconds since 1970"):
                call(wrong)
        for wrong in (-1, -5, 2**63):
            with raises(ValueError, "must be from 0"):
                call(wrong)
    with raises(TypeError, "time must be"):
        log.offset_for_time(None)
    assert log.watermarks().end == 0


def test_timeouts(log):
    for call in (log.reader().fetch, lambda timeout: log.wait_durable(0, timeout), lambda timeout: log.append_durable(b"v", timeout=timeout)):
        for wrong in ("1", True, b"", object()):
            with raises(TypeError, "timeout must be seconds"):
                call(timeout=wrong)
        for wrong in (-1, -0.001, float("nan"), float("-inf")):
            with raises(ValueError, "timeout must be 0 or more"):
                call(timeout=wrong)
    assert log.watermarks().end == 0


def test_offsets_and_numbers(env, log):
    reader = log.reader()
    for wrong in (None, 1.0, b"1", True):
        for call in (log.reader, log.read, log.sender, reader.seek):
            with raises(TypeError):
                call(wrong)
        with raises(TypeError, "max_bytes must be an int"):
            reader.fetch(max_bytes=wrong)
        with raises(TypeError, "partition must be an int"):
            env.log("t", wrong)
        with raises(TypeError, "partitions must be an int"):
            env.create_topic("x", partitions=wrong)
        with raises(TypeError, "offset must be an int"):
            log.wait_durable(wrong)
    for call in (log.reader, log.read, log.sender, reader.seek):
        with raises(ValueError, "earliest"):
            call("beginning")
        for wrong in (-1, 2**63):
            with raises(ValueError, "must be from 0"):
                call(wrong)
        with raises(ckafka.OffsetOutOfRange):
            for _ in call(5) or ():
                pass
    for wrong in (0, -1, 2**63):
        with raises(ValueError, "max_bytes"):
            reader.fetch(max_bytes=wrong)


def test_names(env):
    for wrong in (None, 7, b"t"):
        for call in (env.create_topic, env.delete_topic):
            with raises(TypeError, "name must be a str"):
                call(wrong)
        with raises(TypeError, "topic must be a str"):
            env.log(wrong)
    for wrong in ("", "a/b", "..", "x" * 250, "ä"):
        with raises(ckafka.InvalidTopic):
            env.create_topic(wrong)
    with raises(ValueError, "zero character"):
        env.create_topic("a\0b")
    with raises(ckafka.UnknownTopicOrPartition):
        env.log("missing")
    with raises(ckafka.UnknownTopicOrPartition):
        env.log("t", 2)
    with raises(ckafka.TopicAlreadyExists, "exist_ok"):
        env.create_topic("t")
    with raises(ckafka.InvalidPartitions):
        env.create_topic("none", partitions=0)


def test_opening(tmp_path, path):
    for wrong in (None, 7, 1.5, ["x"]):
        with raises(TypeError, "path must be"):
            ckafka.open(wrong)
    for wrong in ("", b"", "a\0b"):
        with raises(ValueError, "path must not"):
            ckafka.open(wrong)
    with raises(ckafka.IoError, "missing"):
        ckafka.open(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    with raises(ckafka.Error, "file"):
        ckafka.open(tmp_path / "file", create=True)
    with raises(ValueError, "exclude each other"):
        ckafka.open(path, create=True, readonly=True)
    with raises(ckafka.InvalidConfig, "segment.bites"):
        ckafka.open(path, create=True, config={"segment.bites": 5})
    with raises(ckafka.InvalidConfig, "segment.bites"):
        ckafka.open(path, create=True, segment_bites=5)
    with raises(ckafka.InvalidConfig, "segment.bytes"):
        ckafka.open(path, create=True, segment_bytes="many")
    with raises(TypeError, "segment_bytes must be"):
        ckafka.open(path, create=True, segment_bytes=None)
    with raises(TypeError, "config must be a mapping"):
        ckafka.open(path, create=True, config="segment.bytes=5")


def test_records_too_large(env):
    env.create_topic("small", max_message_bytes=1000)
    log = env.log("small")
    for append in (lambda: log.append(b"x" * 2000), lambda: log.append_many([(b"k", b"x" * 100)] * 20), lambda: log.append_durable(b"x" * 2000)):
        with raises(ckafka.MessageTooLarge, "max_message_bytes"):
            append()
    assert log.watermarks().end == 0 and log.append(b"fits") == 0


def test_damaged_batches(log):
    log.append(b"hello")
    raw = bytearray(log.reader().fetch().raw)
    raw[-2] ^= 1
    with raises(ckafka.InvalidBatch):
        log.append_raw(raw)
    with raises(ckafka.InvalidBatch):
        ckafka.decode(raw)
    assert log.watermarks().end == 1


def test_readonly(path, log):
    log.append(b"v")
    log.env.close()
    with ckafka.open(path, readonly=True) as env:
        log = env.log("t")
        for write in (lambda: log.append(b"v"), lambda: env.create_topic("x"), lambda: log.append_many([b"v"]), lambda: log.append_durable(b"v")):
            with raises(ckafka.ReadOnly):
                write()
        assert [record.value for record in log.read()] == [b"v"]


def test_everything_that_was_closed_says_so(env, log):
    reader, sender = log.reader(), log.sender()
    log.append(b"v")
    batch = reader.fetch()
    env.close()
    env.close()
    calls = [
        lambda: log.append(b"v"), lambda: log.append(b"v", headers={"h": b""}), lambda: log.append_many([(b"k", b"v")]), lambda: log.append_values([b"v"]), lambda: log.append_durable(b"v"),
        lambda: log.wait_durable(0), log.watermarks, log.reader, lambda: list(log.read()), lambda: log.offset_for_time(0), log.durable_fileno,
        lambda: log.send(1), reader.fetch, lambda: reader.seek(0), lambda: reader.position, reader.fileno, reader.wakeup, lambda: sender.send(1),
        env.topics, env.stats, env.sync, lambda: env.create_topic("x"), lambda: env.log("t"), lambda: env.recovery_report, env.start_threads,
    ]  # fmt: skip
    for number, call in enumerate(calls):
        with pytest.raises(ckafka.Closed):
            call()
            pytest.fail(f"call {number} went through")
    for thing in (log, reader, sender):
        thing.close()
    assert list(batch.values()) == [b"v"], "a batch outlives them all"
    batch.release()
    for use in (lambda: batch.values(), lambda: batch.offsets, lambda: iter(batch), lambda: batch.data, lambda: batch.raw, lambda: batch.to_numpy()):
        with pytest.raises(ckafka.Closed):
            use()


def test_closing_one_by_one_in_any_order(path):
    env = ckafka.open(path, create=True)
    env.create_topic("t")
    log = env.log("t")
    log.append(b"v")
    reader = log.reader()
    log.close()
    assert [record.value for record in reader] == [b"v"]
    with pytest.raises(ckafka.Closed):
        log.append(b"v")
    reader.close()
    env.close()
    assert env.closed and log.closed and reader.closed


def test_a_deleted_topic(env, log):
    log.append(b"kept in the batch")
    reader = log.reader()
    batch = reader.fetch()
    env.delete_topic("t")
    for call in (lambda: log.append(b"v"), log.reader, reader.fetch):
        with pytest.raises(ckafka.UnknownTopicOrPartition):
            call()
    assert list(batch.values()) == [b"kept in the batch"]


def test_targets_of_send(log):
    log.append(b"v")
    for wrong in (None, "socket", 1.5, True):
        with raises(TypeError, "target must be"):
            log.send(wrong)
    with raises(ckafka.Error):
        log.send(987654)
    import socket

    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(ckafka.PeerClosed):
        for _ in range(1000):
            log.send(ours)


def test_errors_keep_their_kin():
    assert issubclass(ckafka.Timeout, TimeoutError) and issubclass(ckafka.DiskFull, OSError)
    assert issubclass(ckafka.Closed, ValueError) and issubclass(ckafka.OffsetOutOfRange, IndexError)
    import errno
    import pickle

    from ckafka.errors import error_of

    assert error_of(-1003, "full").errno == errno.ENOSPC
    late = pickle.loads(pickle.dumps(error_of(-185, "late", 7)))
    assert type(late) is ckafka.Timeout and late.offset == 7 and "late" in str(late) and late.code == -185
    unknown = error_of(-9999, "unheard of")
    assert type(unknown) is ckafka.Error and unknown.code == -9999
