/* The whole path through the C API: open, create, append in every way, read by every way, send, decode, close, reopen. */
#include "check.h"
#include <unistd.h>

enum { RECORDS = 12 };

static char headers[64];
static size_t headers_len;
/* What the log has to hold. Null is a NULL pointer. */
static struct {
    const char *key, *value;
    int64_t ts;
    int has_headers;
} expected[RECORDS] = {
    {"k0", "v0", 1000, 1}, {NULL, "v1", 2000, 0}, {"k2", NULL, 3000, 0}, {"", "", 4000, 0},
    {"a", "one", 5000, 0}, {NULL, NULL, 5000, 0}, {"", "", 5000, 0},     {"ccc", "three", 5000, 0},
    {"b0", "built", 6000, 0}, {"b1", "built too", 7000, 1},
    {"b0", "built", 6000, 0}, {"b1", "built too", 7000, 1},
};

static ckafka_record_t expected_record(size_t i)
{
    ckafka_record_t record = make_record(expected[i].key, expected[i].value, expected[i].ts);
    if (expected[i].has_headers) {
        record.headers.data = headers;
        record.headers.len = headers_len;
    }
    return record;
}

static void make_headers(void)
{
    size_t small = 3;
    WORKS(ckafka_headers_append(headers, sizeof headers, "network", "us", 2, &headers_len));
    WORKS(ckafka_headers_append(headers, sizeof headers, "empty", "", 0, &headers_len));
    WORKS(ckafka_headers_append(headers, sizeof headers, "null", NULL, 0, &headers_len));
    GIVES(ckafka_headers_append(headers, 4, "name", "value", 5, &small), CKAFKA_ERR__TRUNCATED);
    EQUALS(small, 3 + 1 + 4 + 1 + 5);
}

static void check_headers(const void *data, size_t len)
{
    const char *names[] = {"network", "empty", "null"};
    size_t cursor = 0, i;
    ckafka_slice_t name, value;
    for (i = 0; i < 3; i++) {
        WORKS(ckafka_header_next(data, len, &cursor, &name, &value));
        HOLDS(name.len == strlen(names[i]) && memcmp(name.data, names[i], name.len) == 0);
        EQUALS(value.len, i == 0 ? 2 : 0);
        HOLDS(!value.data == (i == 2));
    }
    WORKS(ckafka_header_next(data, len, &cursor, &name, &value));
    HOLDS(!name.data);
    EQUALS(cursor, len);
}

static void append_all(ckafka_log_t *log)
{
    ckafka_record_t records[4], built;
    int32_t value_lens[] = {3, -1, 0, 5}, key_lens[] = {1, -1, 0, 3};
    ckafka_batch_t *batch = NULL;
    int64_t base = -1;
    size_t i;
    for (i = 0; i < 4; i++)
        records[i] = expected_record(i);
    WORKS(ckafka_append_durable(log, records, 4, -1, &base));
    EQUALS(base, 0);
    WORKS(ckafka_append_packed(log, "onethree", value_lens, "accc", key_lens, 4, 5000, &base));
    EQUALS(base, 4);
    NEEDS(ckafka_batch_new(log, 0, &batch));
    for (i = 8; i < 10; i++) {
        built = expected_record(i);
        WORKS(ckafka_batch_add(batch, &built));
    }
    WORKS(ckafka_batch_append(batch, &base));
    EQUALS(base, 8);
    GIVES(ckafka_batch_append(batch, &base), CKAFKA_ERR__INVALID_ARG);
    ckafka_batch_free(batch);
}

/* The batch of offsets 8 and 9 once more, as raw bytes; then with a byte changed. */
static void append_raw(ckafka_log_t *log)
{
    ckafka_reader_t *reader = NULL;
    ckafka_view_t *view = NULL;
    const void *raw = NULL;
    size_t len = 0;
    int64_t base = -1;
    NEEDS(ckafka_reader_open(log, 8, NULL, &reader));
    NEEDS(ckafka_reader_fetch(reader, 1, 0, &view));
    WORKS(ckafka_reader_close(reader));
    WORKS(ckafka_view_raw(view, &raw, &len));
    WORKS(ckafka_append_raw(log, raw, len, &base));
    EQUALS(base, 10);
    {
        char *copy = malloc(len);
        memcpy(copy, raw, len);
        copy[len - 1] ^= 1;
        GIVES(ckafka_append_raw(log, copy, len, &base), CKAFKA_ERR_CORRUPT_MESSAGE);
        copy[len - 1] ^= 1;
        copy[16] = 1;
        GIVES(ckafka_append_raw(log, copy, len, &base), CKAFKA_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT);
        free(copy);
    }
    ckafka_view_release(view);
}

static void same_bytes(const char *base, uint64_t pos, int32_t len, const char *text)
{
    EQUALS(len, text ? (int32_t)strlen(text) : -1);
    if (text && len >= 0)
        HOLDS(memcmp(base + pos, text, (size_t)len) == 0);
}

/* Compares a view's rows with what is expected from offset `next` on, and its columns with its rows. */
static int64_t check_view(ckafka_view_t *view, int64_t next)
{
    const ckafka_rec_t *recs = NULL;
    const void *base = NULL;
    ckafka_columns_t columns;
    size_t n = 0, len = 0, i;
    columns.struct_size = sizeof columns;
    NEEDS(ckafka_view_base(view, &base, &len));
    NEEDS(ckafka_view_records(view, &recs, &n));
    NEEDS(ckafka_view_columns(view, &columns));
    EQUALS(columns.count, n);
    for (i = 0; i < n; i++, next++) {
        ckafka_rec_t rec = recs[i];
        EQUALS(rec.offset, next);
        if (next >= RECORDS)
            break;
        EQUALS(rec.ts, expected[next].ts);
        same_bytes(base, rec.key_pos, rec.key_len, expected[next].key);
        same_bytes(base, rec.val_pos, rec.val_len, expected[next].value);
        if (expected[next].has_headers)
            check_headers((const char *)base + rec.hdr_pos, (size_t)rec.hdr_len);
        else
            EQUALS(rec.hdr_len, 0);
        HOLDS(columns.offsets[i] == rec.offset && columns.timestamps[i] == rec.ts);
        HOLDS(columns.key_pos[i] == rec.key_pos && columns.key_len[i] == rec.key_len);
        HOLDS(columns.val_pos[i] == rec.val_pos && columns.val_len[i] == rec.val_len);
        HOLDS(columns.hdr_pos[i] == rec.hdr_pos && columns.hdr_len[i] == rec.hdr_len);
    }
    return next;
}

static void read_all(ckafka_log_t *log, int64_t from)
{
    ckafka_reader_t *reader = NULL;
    ckafka_view_t *view = NULL;
    int64_t next = from, position = -1;
    NEEDS(ckafka_reader_open(log, from, NULL, &reader));
    while (next < RECORDS && !check_failures) {
        NEEDS(ckafka_reader_fetch(reader, 1 << 20, 0, &view));
        WORKS(ckafka_view_retain(view));
        next = check_view(view, next);
        ckafka_view_release(view);
        ckafka_view_release(view);
        WORKS(ckafka_reader_position(reader, &position));
        EQUALS(position, next);
    }
    GIVES(ckafka_reader_fetch(reader, 1 << 20, 0, &view), CKAFKA_ERR__TIMED_OUT);
    GIVES(ckafka_reader_fetch(reader, 1 << 20, 5, &view), CKAFKA_ERR__TIMED_OUT);
    WORKS(ckafka_reader_close(reader));
}

static void seek(ckafka_log_t *log)
{
    ckafka_reader_t *reader = NULL;
    int64_t position = -1, offset = -1, ts = -1;
    NEEDS(ckafka_reader_open(log, CKAFKA_START_LATEST, NULL, &reader));
    WORKS(ckafka_reader_position(reader, &position));
    EQUALS(position, RECORDS);
    WORKS(ckafka_reader_seek(reader, CKAFKA_START_EARLIEST));
    WORKS(ckafka_reader_seek_time(reader, 5500));
    WORKS(ckafka_reader_position(reader, &position));
    EQUALS(position, 8);
    GIVES(ckafka_reader_seek(reader, RECORDS + 1), CKAFKA_ERR_OFFSET_OUT_OF_RANGE);
    WORKS(ckafka_reader_position(reader, &position));
    EQUALS(position, 8);
    WORKS(ckafka_reader_close(reader));
    WORKS(ckafka_offset_for_time(log, 1500, &offset, &ts));
    HOLDS(offset == 1 && ts == 2000);
    WORKS(ckafka_offset_for_time(log, 7001, &offset, &ts));
    HOLDS(offset == -1 && ts == -1);
}

/* Sends the log through a pipe batch by batch, and decodes what comes out as it comes. */
static void send_and_decode(ckafka_log_t *log)
{
    ckafka_sender_t *sender = NULL;
    char arrived[4096];
    size_t len = 0, done = 0, consumed = 0;
    uint64_t sent = 0, into = 0;
    int64_t next = 0, offset = -1;
    int ends[2], calls = 0;
    ckafka_view_t *view = NULL;
    if (pipe(ends) != 0)
        exit(2);
    NEEDS(ckafka_sender_open(log, CKAFKA_START_EARLIEST, &sender));
    do {
        NEEDS(ckafka_send(sender, ends[1], 1, 0, &sent));
        if (sent)
            calls++, len += (size_t)read(ends[0], arrived + len, sizeof arrived - len);
        NEEDS(ckafka_view_decode(arrived + done, len - done, 1 << 20, &view, &consumed));
        HOLDS((consumed == 0) == (view == NULL));
        if (view)
            next = check_view(view, next);
        ckafka_view_release(view);
        done += consumed;
    } while (sent);
    EQUALS(next, RECORDS);
    EQUALS(done, len);
    EQUALS(calls, 4);
    WORKS(ckafka_sender_position(sender, &offset, &into));
    HOLDS(offset == RECORDS && into == 0);
    WORKS(ckafka_sender_close(sender));
    arrived[70] ^= 1;
    GIVES(ckafka_view_decode(arrived, len, 1 << 20, &view, &consumed), CKAFKA_ERR_CORRUPT_MESSAGE);
    close(ends[0]);
    close(ends[1]);
}

static void marks(ckafka_t *h)
{
    int64_t low = -1, end = -1, durable = -1;
    char *json = NULL;
    WORKS(ckafka_watermarks(h, "topic", 0, &low, &end, &durable));
    HOLDS(low == 0 && end == RECORDS && durable >= 4 && durable <= RECORDS);
    WORKS(ckafka_topic_list(h, &json));
    HOLDS(json && strstr(json, "topic"));
    ckafka_free(json);
    WORKS(ckafka_stats(h, &json));
    HOLDS(json && json[0] == '{');
    ckafka_free(json);
    WORKS(ckafka_recovery_report(h, &json));
    HOLDS(json && strlen(json) > 0);
    ckafka_free(json);
}

int main(int argc, char **argv)
{
    ckafka_t *h = NULL;
    ckafka_log_t *log = NULL;
    int64_t base = -1;
    ckafka_record_t record = make_record("key", "value", 1);
    if (argc != 2)
        return 2;
    make_headers();
    NEEDS(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &h));
    NEEDS(ckafka_topic_create(h, "topic", 2, NULL));
    NEEDS(ckafka_log_open(h, "topic", 0, &log));
    append_all(log);
    append_raw(log);
    read_all(log, 0);
    read_all(log, 5);
    seek(log);
    send_and_decode(log);
    marks(h);
    WORKS(ckafka_wait_durable(log, RECORDS - 1, -1));
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_sync(h));
    WORKS(ckafka_close(h));

    NEEDS(ckafka_open(argv[1], NULL, CKAFKA_OPEN_RDONLY, &h));
    NEEDS(ckafka_log_open(h, "topic", 0, &log));
    read_all(log, 0);
    GIVES(ckafka_append(log, &record, 1, &base), CKAFKA_ERR__READONLY);
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_close(h));
    return check_result("smoke");
}
