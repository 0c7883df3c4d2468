/* NULL for every pointer of every function, one at a time, everything else being right: an error, no crash, and
 * nothing written. Handles that are NULL are in handles.c. */
#include "check.h"
#include <unistd.h>

#define REFUSED(call)                                                                                                  \
    do {                                                                                                               \
        GIVES(call, CKAFKA_ERR__INVALID_ARG);                                                                          \
        HOLDS(strlen(ckafka_errmsg()) > 0);                                                                            \
    } while (0)

static const int64_t MARK = 0x5A5A5A5A5A5A5A5A;

static void library(void)
{
    EQUALS(ckafka_partition_for_key(NULL, 3, 4), CKAFKA_ERR__INVALID_ARG);
    EQUALS(ckafka_partition_for_key("key", 3, 0), CKAFKA_ERR__INVALID_ARG);
    EQUALS(ckafka_partition_for_key("", 0, 1), 0);
    HOLDS(strlen(ckafka_version_str()) > 0);
    HOLDS(ckafka_abi_version() > 0);
    HOLDS(strcmp(ckafka_strerror(CKAFKA_OK), "CKAFKA_OK: success") == 0);
    HOLDS(ckafka_strerror(12345) && ckafka_strerror(INT32_MIN));
    REFUSED(ckafka_pin_thread(-1));
    ckafka_free(NULL);
    ckafka_conf_free(NULL);
    ckafka_batch_free(NULL);
    ckafka_view_release(NULL);
}

static void configuration(void)
{
    ckafka_conf_t *conf = ckafka_conf_new();
    char buf[8] = "before";
    size_t len = sizeof buf;
    HOLDS(conf);
    REFUSED(ckafka_conf_set(NULL, "segment.bytes", "4096"));
    REFUSED(ckafka_conf_set(conf, NULL, "4096"));
    REFUSED(ckafka_conf_set(conf, "segment.bytes", NULL));
    REFUSED(ckafka_conf_set(conf, "segment.bytes", "\xFF"));
    REFUSED(ckafka_conf_get(NULL, "segment.bytes", buf, &len));
    REFUSED(ckafka_conf_get(conf, NULL, buf, &len));
    REFUSED(ckafka_conf_get(conf, "segment.bytes", NULL, &len));
    REFUSED(ckafka_conf_get(conf, "segment.bytes", buf, NULL));
    EQUALS(len, sizeof buf);
    HOLDS(strcmp(buf, "before") == 0);
    HOLDS(!ckafka_conf_dup(NULL));
    ckafka_conf_free(conf);
}

static void headers(void)
{
    char buf[32] = "before";
    size_t len = 0, cursor = 0;
    ckafka_slice_t name = text("name"), value = text("value");
    REFUSED(ckafka_headers_append(NULL, sizeof buf, "name", "v", 1, &len));
    REFUSED(ckafka_headers_append(buf, sizeof buf, NULL, "v", 1, &len));
    REFUSED(ckafka_headers_append(buf, sizeof buf, "name", "v", 1, NULL));
    HOLDS(strcmp(buf, "before") == 0);
    EQUALS(len, 0);
    WORKS(ckafka_headers_append(buf, sizeof buf, "name", NULL, 9, &len));
    REFUSED(ckafka_header_next(NULL, len, &cursor, &name, &value));
    REFUSED(ckafka_header_next(buf, len, NULL, &name, &value));
    REFUSED(ckafka_header_next(buf, len, &cursor, NULL, &value));
    REFUSED(ckafka_header_next(buf, len, &cursor, &name, NULL));
    EQUALS(cursor, 0);
    EQUALS(name.len + value.len, 9);
    WORKS(ckafka_header_next(buf, len, &cursor, &name, &value));
    EQUALS(name.len, 4);
    HOLDS(!value.data);
    cursor = len + 1;
    REFUSED(ckafka_header_next(buf, len, &cursor, &name, &value));
}

static void directory(ckafka_t *h, const char *path)
{
    int64_t low = MARK, end = MARK, durable = MARK;
    ckafka_t *none = NULL;
    ckafka_log_t *log = NULL;
    REFUSED(ckafka_open(NULL, NULL, CKAFKA_OPEN_CREATE, &none));
    REFUSED(ckafka_open("", NULL, CKAFKA_OPEN_CREATE, &none));
    REFUSED(ckafka_open(path, NULL, CKAFKA_OPEN_CREATE, NULL));
    REFUSED(ckafka_open(path, NULL, 64, &none));
    REFUSED(ckafka_open(path, NULL, CKAFKA_OPEN_CREATE | CKAFKA_OPEN_RDONLY, &none));
    HOLDS(!none);
    REFUSED(ckafka_recovery_report(h, NULL));
    REFUSED(ckafka_stats(h, NULL));
    REFUSED(ckafka_caps(h, NULL));
    REFUSED(ckafka_topic_create(h, NULL, 1, NULL));
    REFUSED(ckafka_topic_delete(h, NULL));
    REFUSED(ckafka_topic_list(h, NULL));
    REFUSED(ckafka_watermarks(h, NULL, 0, &low, &end, &durable));
    REFUSED(ckafka_watermarks(h, "topic", 0, NULL, &end, &durable));
    REFUSED(ckafka_watermarks(h, "topic", 0, &low, NULL, &durable));
    REFUSED(ckafka_watermarks(h, "topic", 0, &low, &end, NULL));
    HOLDS(low == MARK && end == MARK && durable == MARK);
    REFUSED(ckafka_log_open(h, NULL, 0, &log));
    REFUSED(ckafka_log_open(h, "topic", 0, NULL));
    HOLDS(!log);
    REFUSED(ckafka_io_threads_start(h, 0));
    REFUSED(ckafka_io_threads_start(h, 64));
    GIVES(ckafka_topic_create(h, "\xFF", 1, NULL), CKAFKA_ERR_INVALID_TOPIC);
    GIVES(ckafka_topic_create(h, "another", 0, NULL), CKAFKA_ERR_INVALID_PARTITIONS);
}

static void appends(ckafka_log_t *log)
{
    ckafka_record_t record = make_record("key", "value", 1);
    ckafka_batch_t *batch = NULL;
    int32_t len = 1, negative = -2;
    int64_t base = MARK;
    REFUSED(ckafka_append(log, NULL, 1, &base));
    REFUSED(ckafka_append(log, &record, 0, &base));
    REFUSED(ckafka_append(log, &record, SIZE_MAX / 8, &base));
    REFUSED(ckafka_append(log, &record, 1, NULL));
    REFUSED(ckafka_append_durable(log, NULL, 1, -1, &base));
    REFUSED(ckafka_append_durable(log, &record, 0, -1, &base));
    REFUSED(ckafka_append_durable(log, &record, 1, -2, &base));
    REFUSED(ckafka_append_durable(log, &record, 1, -1, NULL));
    REFUSED(ckafka_append_raw(log, NULL, 5, &base));
    REFUSED(ckafka_append_raw(log, NULL, 0, &base));
    REFUSED(ckafka_append_raw(log, "batch", 5, NULL));
    REFUSED(ckafka_append_raw(log, "batch", SIZE_MAX, &base));
    REFUSED(ckafka_append_packed(log, NULL, &len, NULL, NULL, 1, -1, &base));
    REFUSED(ckafka_append_packed(log, "v", NULL, NULL, NULL, 1, -1, &base));
    REFUSED(ckafka_append_packed(log, "v", &negative, NULL, NULL, 1, -1, &base));
    REFUSED(ckafka_append_packed(log, "v", &len, "k", NULL, 1, -1, &base));
    REFUSED(ckafka_append_packed(log, "v", &len, NULL, &len, 1, -1, &base));
    REFUSED(ckafka_append_packed(log, "v", &len, NULL, NULL, 0, -1, &base));
    REFUSED(ckafka_append_packed(log, "v", &len, NULL, NULL, 1, -1, NULL));
    REFUSED(ckafka_wait_durable(log, 0, -2));
    REFUSED(ckafka_durable_fd(log, NULL));
    record.value.len = SIZE_MAX;
    REFUSED(ckafka_append(log, &record, 1, &base));
    EQUALS(base, MARK);

    REFUSED(ckafka_batch_new(log, 0, NULL));
    NEEDS(ckafka_batch_new(log, 0, &batch));
    REFUSED(ckafka_batch_add(NULL, &record));
    REFUSED(ckafka_batch_add(batch, NULL));
    REFUSED(ckafka_batch_add(batch, &record));
    REFUSED(ckafka_batch_append(NULL, &base));
    REFUSED(ckafka_batch_append(batch, &base));
    record = make_record("key", "value", 1);
    WORKS(ckafka_batch_add(batch, &record));
    REFUSED(ckafka_batch_append(batch, NULL));
    EQUALS(base, MARK);
    WORKS(ckafka_batch_append(batch, &base));
    EQUALS(base, 0);
    ckafka_batch_free(batch);
}

static void views(ckafka_view_t *view)
{
    const void *ptr = &MARK;
    const ckafka_rec_t *recs = NULL;
    size_t n = (size_t)MARK, consumed = (size_t)MARK;
    ckafka_columns_t columns;
    ckafka_view_t *none = NULL;
    memset(&columns, 0, sizeof columns);
    REFUSED(ckafka_view_base(NULL, &ptr, &n));
    REFUSED(ckafka_view_base(view, NULL, &n));
    REFUSED(ckafka_view_base(view, &ptr, NULL));
    REFUSED(ckafka_view_records(NULL, &recs, &n));
    REFUSED(ckafka_view_records(view, NULL, &n));
    REFUSED(ckafka_view_records(view, &recs, NULL));
    REFUSED(ckafka_view_columns(view, NULL));
    REFUSED(ckafka_view_columns(view, &columns));
    columns.struct_size = sizeof columns;
    REFUSED(ckafka_view_columns(NULL, &columns));
    REFUSED(ckafka_view_raw(NULL, &ptr, &n));
    REFUSED(ckafka_view_raw(view, NULL, &n));
    REFUSED(ckafka_view_raw(view, &ptr, NULL));
    REFUSED(ckafka_view_retain(NULL));
    REFUSED(ckafka_view_decode(NULL, 5, 1024, &none, &consumed));
    REFUSED(ckafka_view_decode("batch", 5, 0, &none, &consumed));
    REFUSED(ckafka_view_decode("batch", 5, 1024, NULL, &consumed));
    REFUSED(ckafka_view_decode("batch", 5, 1024, &none, NULL));
    HOLDS(ptr == &MARK && n == (size_t)MARK && consumed == (size_t)MARK && !recs && !none && !columns.offsets);
}

static void reads_and_sends(ckafka_log_t *log)
{
    ckafka_reader_t *reader = NULL;
    ckafka_sender_t *sender = NULL;
    ckafka_view_t *view = NULL;
    int64_t offset = MARK, ts = MARK;
    uint64_t bytes = (uint64_t)MARK;
    int out = STDOUT_FILENO;
    REFUSED(ckafka_reader_open(log, 0, NULL, NULL));
    REFUSED(ckafka_reader_open(log, -4, NULL, &reader));
    REFUSED(ckafka_sender_open(log, 0, NULL));
    REFUSED(ckafka_sender_open(log, -4, &sender));
    REFUSED(ckafka_offset_for_time(log, 0, NULL, &ts));
    REFUSED(ckafka_offset_for_time(log, 0, &offset, NULL));
    HOLDS(!reader && !sender);
    NEEDS(ckafka_reader_open(log, 0, NULL, &reader));
    REFUSED(ckafka_reader_fetch(reader, 1024, 0, NULL));
    REFUSED(ckafka_reader_fetch(reader, 0, 0, &view));
    REFUSED(ckafka_reader_fetch(reader, 1024, -2, &view));
    REFUSED(ckafka_reader_seek(reader, -4));
    REFUSED(ckafka_reader_position(reader, NULL));
    REFUSED(ckafka_reader_fd(reader, NULL));
    HOLDS(!view);
    NEEDS(ckafka_reader_fetch(reader, 1024, 0, &view));
    views(view);
    ckafka_view_release(view);
    WORKS(ckafka_reader_close(reader));
    NEEDS(ckafka_sender_open(log, 0, &sender));
    REFUSED(ckafka_send(sender, out, 1024, 0, NULL));
    REFUSED(ckafka_send(sender, out, 0, 0, &bytes));
    REFUSED(ckafka_send(sender, out, 1024, 1, &bytes));
    REFUSED(ckafka_send(sender, -1, 1024, 0, &bytes));
    REFUSED(ckafka_sender_position(sender, NULL, &bytes));
    REFUSED(ckafka_sender_position(sender, &offset, NULL));
    HOLDS(offset == MARK && ts == MARK && bytes == (uint64_t)MARK);
    WORKS(ckafka_sender_close(sender));
}

int main(int argc, char **argv)
{
    ckafka_t *h = NULL;
    ckafka_log_t *log = NULL;
    if (argc != 2)
        return 2;
    library();
    configuration();
    headers();
    NEEDS(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &h));
    NEEDS(ckafka_topic_create(h, "topic", 1, NULL));
    directory(h, argv[1]);
    NEEDS(ckafka_log_open(h, "topic", 0, &log));
    appends(log);
    reads_and_sends(log);
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_close(h));
    return check_result("null");
}
