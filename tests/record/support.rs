//! What the tests of record bytes share: a plain model of a record, random ones from a seed, and both directions.

use ckafka::record::{
    BatchBuilder, BatchError, BatchHeader, Codec, Compression, RecordIter, TimestampType, check_crc, decompress,
    headers,
};

/// A header's name and value.
pub type Header = (String, Option<Vec<u8>>);

/// A record as its writer thinks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

/// Header fields as the builder takes them.
pub fn header_fields(record: &Record) -> Vec<u8> {
    let mut fields = Vec::new();
    for (name, value) in &record.headers {
        headers::append(&mut fields, name, value.as_deref()).unwrap();
    }
    fields
}

/// Adds records to a builder.
pub fn add_all(builder: &mut BatchBuilder, records: &[Record]) {
    for record in records {
        let fields = header_fields(record);
        builder.add(record.timestamp, record.key.as_deref(), record.value.as_deref(), &fields).unwrap();
    }
}

/// One batch, base offset 0.
pub fn encode(records: &[Record], codec: Codec, level: Option<i32>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression { codec, level }, TimestampType::CreateTime);
    add_all(&mut builder, records);
    builder.finish(0).unwrap().to_vec()
}

/// Checks, decompresses and decodes one batch.
pub fn decode(batch: &[u8]) -> Result<(BatchHeader, Vec<Record>), BatchError> {
    check_crc(batch)?;
    decode_unchecked(batch)
}

/// The same without the CRC.
pub fn decode_unchecked(batch: &[u8]) -> Result<(BatchHeader, Vec<Record>), BatchError> {
    let header = BatchHeader::parse(batch)?;
    let stored = header.record_area(batch)?;
    let mut area = Vec::new();
    decompress(header.attributes.codec()?, stored, 1 << 24, &mut area)?;
    let mut records = Vec::new();
    for record in RecordIter::new(&header, &area) {
        let record = record?;
        let mut position = 0;
        let mut fields = Vec::new();
        while let Some((name, value)) = headers::next(record.headers, &mut position)? {
            fields.push((String::from_utf8_lossy(name).into_owned(), value.map(<[u8]>::to_vec)));
        }
        assert_eq!(fields.len(), record.header_count as usize);
        records.push(Record {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: fields,
        });
    }
    Ok((header, records))
}

/// The three records of the worked example: k1=v1, k2=v2 with a header, and a tombstone.
pub fn worked_records(base_offset: i64) -> Vec<Record> {
    let base = 1_700_000_000_000;
    let record = |index: i64, key: &[u8], value: Option<&[u8]>, headers: Vec<Header>| Record {
        offset: base_offset + index,
        timestamp: base + 5 * index,
        key: Some(key.to_vec()),
        value: value.map(<[u8]>::to_vec),
        headers,
    };
    vec![
        record(0, b"k1", Some(b"v1"), vec![]),
        record(1, b"k2", Some(b"v2"), vec![("h".to_owned(), Some(b"x".to_vec()))]),
        record(2, b"k3", None, vec![]),
    ]
}

/// Numbers from a seed, the same on every run.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    /// Bytes of a length that is often at the edge of a varint; half of them compress well.
    pub fn bytes(&mut self) -> Vec<u8> {
        let edges = [0, 0, 1, 7, 30, 63, 64, 65, 100, 127, 128, 1000, 8191, 8192];
        let len = edges[self.below(edges.len())];
        let mask = if self.below(2) == 0 { 0xff } else { 0x03 };
        (0..len).map(|_| (self.next() >> 24) as u8 & mask).collect()
    }

    fn nullable(&mut self) -> Option<Vec<u8>> {
        if self.below(4) == 0 { None } else { Some(self.bytes()) }
    }

    /// Records with offsets from 0; times jump back now and then.
    pub fn records(&mut self, count: usize) -> Vec<Record> {
        let spread = [10, 5000, 1 << 21, 1 << 40][self.below(4)];
        (0..count as i64)
            .map(|offset| Record {
                offset,
                timestamp: 1_700_000_000_000 + self.below(spread) as i64 - spread as i64 / 2,
                key: self.nullable(),
                value: self.nullable(),
                headers: (0..self.below(8).saturating_sub(4))
                    .map(|index| (["", "h", "größe", "a-longer-name"][index].to_owned(), self.nullable()))
                    .collect(),
            })
            .collect()
    }
}
