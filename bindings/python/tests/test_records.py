"""What is appended is what is read: every shape of a record, by every way in and out."""

import datetime
import struct

import ckafka
import pytest

SHAPES = [
    (b"k", b"v"), (None, b"v"), (b"k", None), (None, None), (b"", b""), (b"k" * 300, b"v" * 70_000), (b"\0", b"\xff" * 3),
]  # fmt: skip


def pairs(log):
    return [(record.key, record.value) for record in log.read()]


def test_append_one_by_one(log):
    assert [log.append(value, key=key) for key, value in SHAPES] == list(range(len(SHAPES)))
    assert pairs(log) == SHAPES


def test_append_many(log):
    assert log.append_many(SHAPES) == 0
    assert log.append_many(iter(SHAPES)) == len(SHAPES)
    assert log.append_many([[key, value] for key, value in SHAPES[:2]]) == 2 * len(SHAPES)
    assert pairs(log) == SHAPES * 2 + SHAPES[:2]


def test_append_many_of_all_kinds_at_once(log):
    log.append_many([b"value", None, (b"k", b"v"), (b"k", b"v", {"h": b"1"}), (None, b"v", None, 1234), (b"ab", b"cd")])
    found = list(log.read())
    assert [(record.key, record.value) for record in found] == [
        (None, b"value"), (None, None), (b"k", b"v"), (b"k", b"v"), (None, b"v"), (b"ab", b"cd"),
    ]  # fmt: skip
    assert found[3].headers == [("h", b"1")] and found[4].timestamp == 1234


def test_values_of_two_bytes_are_not_taken_for_pairs(log):
    log.append_many([b"ab", b"cd"])
    assert pairs(log) == [(None, b"ab"), (None, b"cd")]


def test_append_values(log):
    assert log.append_values([b"1", b"22", b""]) == 0
    assert log.append_values(value for value in (b"x", None, bytearray(b"y"), memoryview(b"z"))) == 3
    assert [value for _, value in pairs(log)] == [b"1", b"22", b"", b"x", None, b"y", b"z"]


def test_buffers_of_larger_items_are_taken_by_their_bytes(log):
    import array

    numbers = array.array("i", [1, 2, 3])
    log.append(numbers, key=memoryview(numbers)[1:])
    log.append_values([numbers, b"four"])
    log.append_many([(numbers, b"v"), (b"k", numbers)])
    whole = numbers.tobytes()
    assert pairs(log) == [(whole[4:], whole), (None, whole), (None, b"four"), (whole, b"v"), (b"k", whole)]


@pytest.mark.parametrize("buffers", [False, True])
def test_every_way_of_walking_says_the_same(log, buffers):
    log.append_many(SHAPES, timestamp=77)
    batch = log.reader().fetch()
    assert len(batch) == len(SHAPES)
    as_bytes = [None if part is None else bytes(part) for part in batch.values(buffers=buffers)]
    assert as_bytes == [value for _, value in SHAPES]
    assert [None if part is None else bytes(part) for part in batch.keys(buffers=buffers)] == [key for key, _ in SHAPES]
    rows = list(batch.iter(buffers=buffers))
    assert [row[:2] for row in rows] == [(offset, 77) for offset in range(len(SHAPES))]
    assert [tuple(None if part is None else bytes(part) for part in row[2:]) for row in rows] == SHAPES
    assert list(batch.offsets) == list(range(len(SHAPES))) and set(batch.timestamps) == {77}


EVEN = [(b"k%03d" % number, b"v%05d" % number) for number in range(300)]
NEARLY_EVEN = {
    "even": EVEN,
    "one": EVEN[:1],
    "no bytes": [(b"", b"")] * 70,
    "no bytes but one": [(b"", b"")] * 70 + [(b"k", b"")],
    "one key longer": EVEN[:70] + [(b"longer", b"v00000")] + EVEN[70:],
    "one value shorter": EVEN[:70] + [(b"k000", b"v")] + EVEN[70:],
    "one key shorter, its value longer": EVEN[:70] + [(b"k", b"vv00000")] + EVEN[70:],
    "one key null": EVEN[:70] + [(None, b"v00000")] + EVEN[70:],
    "one value null": EVEN[:70] + [(b"k000", None)] + EVEN[70:],
    "no keys": [(None, value) for _, value in EVEN],
    "no values": [(key, None) for key, _ in EVEN],
    "large": [(b"k%d" % number, bytes([number]) * 70_000) for number in range(5)],
}


@pytest.mark.parametrize("given", NEARLY_EVEN.values(), ids=NEARLY_EVEN)
def test_records_of_one_size_and_nearly_so(log, given):
    log.append_many(given, timestamp=5)
    with log.reader().fetch() as batch:
        assert list(batch.iter()) == [(offset, 5, *pair) for offset, pair in enumerate(given)]
        assert [tuple(record) for record in batch] == [(offset, 5, *pair, []) for offset, pair in enumerate(given)]


def crc32c(data):
    """As RFC 3720 has it, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def test_records_of_one_size_at_odd_distances():
    # A length may be written with more bytes than it needs: then its value lies farther from the key.
    short = b"\0\0%c\x02k\x06abc\0"
    long = b"\0\0%c\x02k\x86\0def\0"
    records = b"".join(
        bytes([2 * len(record)]) + record for record in (short % 0, short % 2, long % 4, short % 6)
    )  # fmt: skip
    body = struct.pack(">hiqqqhii", 0, 3, 7, 7, -1, -1, -1, 4) + records
    batch, _ = ckafka.decode(struct.pack(">qiiBI", 0, 9 + len(body), -1, 2, crc32c(body)) + body)
    assert list(batch.iter()) == [(0, 7, b"k", b"abc"), (1, 7, b"k", b"abc"), (2, 7, b"k", b"def"), (3, 7, b"k", b"abc")]


def test_large_records_are_cut_out_of_the_pages(log):
    values = [bytes([number]) * 100_000 for number in range(5)]
    log.append_many([(b"k", value) for value in values])
    with log.reader().fetch() as batch:
        assert list(batch.values()) == values and list(batch.keys()) == [b"k"] * 5


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed(env, codec):
    env.create_topic(codec, compression_type=codec)
    log = env.log(codec)
    log.append_many([(b"k%d" % number, b"v" * 50) for number in range(500)])
    assert pairs(log) == [(b"k%d" % number, b"v" * 50) for number in range(500)]


def test_headers(log):
    given = [("a", b"1"), ("ä", None), ("a", b""), ("", b"\xff" * 200)]
    log.append(b"v", headers=given)
    log.append(b"v", headers=dict(given))
    log.append(b"v", headers=[])
    assert [record.headers for record in log.read()] == [given, list(dict(given).items()), []]


def test_timestamps(log):
    moment = datetime.datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    log.append(b"v", timestamp=moment)
    log.append(b"v", timestamp=0)
    before = datetime.datetime.now(datetime.timezone.utc)
    log.append(b"v")
    found = list(log.read())
    assert found[0].time == moment and found[1].timestamp == 0
    assert abs(found[2].time - before) < datetime.timedelta(seconds=30)


def test_seek_by_time_is_exact(log):
    for base in range(0, 3000, 100):
        log.append_many([(None, b"%d" % (base + step)) for step in range(100)], timestamp=base)
    reader = log.reader()
    for target, offset in ((0, 0), (1, 100), (100, 100), (2900, 2900), (2901, 3000)):
        reader.seek_time(target)
        assert reader.position == offset
    assert log.offset_for_time(150) == (200, 200) and log.offset_for_time(2901) is None
    sooner = datetime.datetime(1970, 1, 1, 0, 0, 0, 99001, tzinfo=datetime.timezone.utc)
    assert log.offset_for_time(sooner) == (100, 100), "99.001 ms is after 99 ms"


def test_read_stops_where_it_is_told(log):
    log.append_values([b"%d" % number for number in range(10)])
    log.append_values([b"more"])
    assert [record.offset for record in log.read(3, 7)] == [3, 4, 5, 6]
    assert list(log.read(5, 5)) == [] and list(log.read("latest")) == []
    seen = []
    for record in log.read():
        seen.append(record.offset)
        log.append(b"while reading")
    assert seen == list(range(11))


def test_raw_bytes_go_from_log_to_log(env, log):
    log.append_many(SHAPES)
    other = env.log("t", 1)
    with log.reader().fetch() as batch:
        raw = bytes(batch.raw)
    assert other.append_raw(raw) == 0 and other.append_raw(memoryview(raw)) == len(SHAPES)
    assert pairs(other) == SHAPES * 2
    batch, used = ckafka.decode(raw + raw[:20])
    assert used == len(raw) and list(batch.values()) == [value for _, value in SHAPES]
    assert ckafka.decode(raw[:20]) [1] == 0


def test_records_are_tuples_with_names(log):
    import pickle

    log.append(b"v", key=b"k", timestamp=5, headers={"h": b"1"})
    record = next(log.read())
    assert record == (0, 5, b"k", b"v", [("h", b"1")]) and pickle.loads(pickle.dumps(record)) == record


def test_an_empty_batch_has_everything(log):
    with log.reader().fetch() as batch:
        assert not batch and len(batch) == 0 and list(batch) == [] and list(batch.iter()) == [] and list(batch.values()) == []
        assert list(batch.offsets) == [] and bytes(batch.raw) == b"" and bytes(batch.data) == b"" and list(batch.headers()) == []


def test_send_to_a_socket_and_decode(log):
    import socket

    values = [b"%06d" % number for number in range(5000)]
    for at in range(0, 5000, 500):
        log.append_values(values[at : at + 500])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        import threading

        got = []
        reading = threading.Thread(target=lambda: got.append(read_all(theirs)))
        reading.start()
        ours.setblocking(False)
        assert log.send(ours) == 5000
        ours.close()
        reading.join()
    data, found = got[0], []
    while data:
        batch, used = ckafka.decode(data)
        found += batch.values()
        data = data[used:]
    assert found == values


def read_all(connection):
    pieces = []
    while piece := connection.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def test_sender_resumes_inside_a_batch(log):
    import os

    log.append(b"x" * 300_000)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    got = b""
    with log.sender() as sender:
        while True:
            try:
                sent = sender.send(writing)
            except ckafka.Again:
                sent = None
            if sent == 0:
                break
            got += os.read(reading, 1 << 20)
        assert sender.position == (1, 0)
    os.close(reading)
    os.close(writing)
    assert list(ckafka.decode(got)[0].values()) == [b"x" * 300_000]


def test_topics_and_reports(env):
    env.create_topic("more", config={"segment.bytes": 1 << 20}, retention_ms=5000)
    found = {topic.name: topic for topic in env.topics()}
    assert found["t"].partitions == 2 and found["more"].config == {"segment.bytes": "1048576", "retention.ms": "5000"}
    env.delete_topic("more")
    assert [topic.name for topic in env.topics()] == ["t"]
    assert env.recovery_report == {"findings": []} and "append" in env.stats()
    assert env.capabilities & ckafka.CAP_WRITE and env.watermarks("t", 1) == (0, 0, 0)


def test_what_a_topic_does_not_set_is_at_its_default_but_for_flushing_and_compression(path):
    with ckafka.open(path, create=True, max_message_bytes=1000, compression_type="gzip", flush_messages=1) as env:
        env.create_topic("plain")
        env.create_topic("own", max_message_bytes=5000)
        assert [topic.config for topic in env.topics()] == [{"max.message.bytes": "5000"}, {}]
        for name in ("own", "plain"):
            log = env.log(name)
            log.append(bytes(4900))
            assert len(log.reader().fetch().raw) < 500 and log.watermarks().durable == 1


def test_read_ends_where_the_log_ends_when_it_is_called(log):
    log.append(b"before")
    records = log.read()
    log.append(b"after")
    assert [record.value for record in records] == [b"before"]
    with pytest.raises(ckafka.OffsetOutOfRange):
        log.read(start=3)
