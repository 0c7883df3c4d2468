"""A Kafka client's record parser, not ours, reads the batches that we wrote and writes batches for us to read.

Usage: record_parity.py DIRECTORY

The directory holds `ours.json`: a list of {"file", "codec", "append_time", "base_offset", "records"}, where a record is
[offset, timestamp, key, value, [[name, value], ...]] and bytes are hexadecimal or null; beside it lie the files. Each is
decoded and compared. Then the same records are encoded here, one `theirs-<n>.batch` for each entry, and listed in
`theirs.json` in the same form. Exits with 1 and the first difference where there is one.
"""

import json
import pathlib
import sys

from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def to_hex(data):
    return None if data is None else bytes(data).hex()


def from_hex(text):
    return None if text is None else bytes.fromhex(text)


def read(path):
    """The header's fields that both sides name, and the records, of one batch."""
    batch = DefaultRecordBatch(path.read_bytes())
    if not batch.validate_crc():
        raise ValueError("checksum")
    if batch.size_in_bytes != path.stat().st_size:
        raise ValueError(f"size {batch.size_in_bytes}")
    header = {
        "codec": batch.compression_type,
        "append_time": batch.timestamp_type == 1,
        "base_offset": batch.base_offset,
        "count": batch.records_count,
        "last_offset": batch.last_offset,
        "max_timestamp": batch.max_timestamp,
        "control": batch.is_control_batch,
        "transactional": batch.is_transactional,
    }
    records = [
        [r.offset, r.timestamp, to_hex(r.key), to_hex(r.value), [[name, to_hex(value)] for name, value in r.headers]]
        for r in batch
    ]
    return header, records


def compare(directory, entry):
    """Raises where what the client reads is not what the entry says."""
    header, records = read(directory / entry["file"])
    expected = {
        "codec": CODECS[entry["codec"]],
        "append_time": entry["append_time"],
        "base_offset": entry["base_offset"],
        "count": len(entry["records"]),
        "last_offset": entry["records"][-1][0],
        "max_timestamp": max(record[1] for record in entry["records"]),
        "control": False,
        "transactional": False,
    }
    if header != expected:
        raise ValueError(f"header {header}, expected {expected}")
    for found, wanted in zip(records, entry["records"]):
        if found != wanted:
            raise ValueError(f"record {found}, expected {wanted}")
    if len(records) != len(entry["records"]):
        raise ValueError(f"{len(records)} records, expected {len(entry['records'])}")


def write(path, entry):
    """Encodes the entry's records as a producer with an id does; the producer's fields."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=CODECS[entry["codec"]],
        is_transactional=True,
        producer_id=4000,
        producer_epoch=7,
        base_sequence=2**31 - 2,
        batch_size=1 << 30,
    )
    for index, (_, timestamp, key, value, headers) in enumerate(entry["records"]):
        headers = [(name, from_hex(value)) for name, value in headers]
        builder.append(index, timestamp, from_hex(key), from_hex(value), headers)
    path.write_bytes(builder.build())
    return {"producer_id": 4000, "producer_epoch": 7, "base_sequence": 2**31 - 2}


def main():
    directory = pathlib.Path(sys.argv[1])
    entries = json.loads((directory / "ours.json").read_text())
    theirs = []
    for number, entry in enumerate(entries):
        try:
            compare(directory, entry)
        except Exception as error:
            sys.exit(f"{entry['file']} ({entry['codec']}): {type(error).__name__}: {error}")
        if entry["append_time"]:
            continue
        file = f"theirs-{number}.batch"
        theirs.append({"file": file, "records": entry["records"], "base_offset": entry["base_offset"]})
        theirs[-1].update(write(directory / file, entry))
    (directory / "theirs.json").write_text(json.dumps(theirs))
    print(f"{len(entries)} batches read, {len(theirs)} written")


if __name__ == "__main__":
    main()
