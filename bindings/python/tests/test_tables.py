"""Batches as tables: the numbers and bytes that NumPy, Arrow and pandas show are the records, and lie where the log lies."""

import pytest

numpy = pytest.importorskip("numpy")

SIZES = [0, 1, 3, 4, 5, 11, 12, 13, 14, 100, -1]
RECORDS = [
    (None if key < 0 else b"%02d" % key + b"k" * key, None if value < 0 else bytes(range(value)))
    for key in SIZES for value in SIZES
]  # fmt: skip


def batch_of(log, records, **options):
    log.append_many(records, **options)
    return log.reader().fetch()


def shares_memory(array, view):
    start = numpy.frombuffer(view, "u1").__array_interface__["data"][0]
    return start <= array.__array_interface__["data"][0] < start + len(view)


def test_numpy_columns(log):
    batch = batch_of(log, RECORDS, timestamp=1_700_000_000_000)
    table = batch.to_numpy()
    assert table["offset"].tolist() == list(range(len(RECORDS)))
    assert set(table["timestamp"].tolist()) == {numpy.datetime64(1_700_000_000_000, "ms").item()}
    data = table["data"]
    for number, (key, value) in enumerate(RECORDS):
        for name, expected in (("key", key), ("value", value)):
            at, size = int(table[f"{name}_position"][number]), int(table[f"{name}_length"][number])
            assert (None if size < 0 else data[at : at + size].tobytes()) == expected
    assert not any(array.flags.writeable for array in table.values())
    assert shares_memory(data, batch.data)


@pytest.mark.parametrize("count", [1, 2, 3, 60, 64, 65, 66, 200, 9000])
def test_values_of_one_size(log, count):
    values = numpy.arange(count, dtype="<i8")
    for at in range(0, count, 7000):
        log.append_values([number.tobytes() for number in values[at : at + 7000]])
    batch = log.reader().fetch()
    found = batch.values_numpy("<i8")
    assert found.tolist() == list(range(count))
    if count <= 60:
        assert shares_memory(found, batch.data), "values at even distances were copied"


def test_values_of_structured_types(log):
    kind = numpy.dtype([("price", "<f8"), ("size", "<i4")])
    rows = numpy.array([(1.5, 2), (2.5, 3)], kind)
    assert batch_of(log, [row.tobytes() for row in rows]).values_numpy(kind).tolist() == rows.tolist()


def test_values_of_other_sizes_are_named(log):
    with batch_of(log, [b"12345678", b"1234"]) as batch, pytest.raises(ValueError, match="offset 1 is 4 bytes, a int64 takes 8"):
        batch.values_numpy("i8")
    log.append_values([None])
    with log.reader(2).fetch() as batch, pytest.raises(ValueError, match="offset 2 is None"):
        batch.values_numpy("i8")


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_arrow(env, codec):
    pyarrow = pytest.importorskip("pyarrow")
    env.create_topic("c", compression_type=codec)
    batch = batch_of(env.log("c"), RECORDS, timestamp=1_700_000_000_000)
    table = batch.to_arrow()
    table.validate(full=True)
    assert table.schema.names == ["offset", "timestamp", "key", "value"]
    assert table["offset"].to_pylist() == list(range(len(RECORDS)))
    assert table["timestamp"].type == pyarrow.timestamp("ms", "UTC") and table["timestamp"][0].value == 1_700_000_000_000
    assert list(zip(table["key"].to_pylist(), table["value"].to_pylist())) == RECORDS
    lent = table["value"].buffers()[2]
    first = numpy.frombuffer(batch.data, "u1").__array_interface__["data"][0]
    assert lent.address == first, "values were copied"


@pytest.mark.parametrize("values", [[b"short"], [b"x" * 50] * 10, [b""], [None], [b"twelve bytes"], [b"a" * 13]])
def test_arrow_at_the_end_of_the_memory(log, values):
    pytest.importorskip("pyarrow")
    table = batch_of(log, values).to_arrow()
    table.validate(full=True)
    assert table["value"].to_pylist() == values and table["key"].to_pylist() == [None] * len(values)


def test_arrow_outlives_the_log(env, log):
    pytest.importorskip("pyarrow")
    import gc

    table = batch_of(log, RECORDS).to_arrow()
    env.delete_topic("t")
    env.close()
    gc.collect()
    table.validate(full=True)
    assert table["value"].to_pylist() == [value for _, value in RECORDS]


def test_arrow_of_nothing(log):
    pytest.importorskip("pyarrow")
    table = log.reader().fetch().to_arrow()
    table.validate(full=True)
    assert table.num_rows == 0


def test_pandas(log):
    pandas = pytest.importorskip("pandas")
    frame = batch_of(log, RECORDS, timestamp=1_700_000_000_000).to_pandas()
    assert list(frame.columns) == ["offset", "timestamp", "key", "value"] and len(frame) == len(RECORDS)
    assert str(frame["timestamp"].dtype) == "datetime64[ms, UTC]"
    assert frame["timestamp"][0] == pandas.Timestamp(1_700_000_000_000, unit="ms", tz="UTC")
    assert [value for value in frame["value"]] == [value for _, value in RECORDS]
    assert len(log.reader("latest").fetch().to_pandas()) == 0


@pytest.mark.parametrize("dtype", ["O", [("number", "<i4"), ("thing", "O")]])
def test_values_are_never_taken_for_objects(log, dtype):
    """They would be pointers to anywhere."""
    log.append_values([b"12345678" * 2])
    with pytest.raises(TypeError, match="Python objects"):
        log.reader().fetch().values_numpy(dtype)
