/* Every function is made to panic inside: the program lives, is told so, and only the handle of that call is lost.
 * Needs a library built with the feature inject-panic. */
#include "check.h"

static ckafka_t *h;

/* Lets the function of a call panic from now on. */
static void inject(const char *call)
{
    char name[64];
    size_t len = strcspn(call, "(");
    snprintf(name, sizeof name, "%.*s", (int)len, call);
    setenv("CKAFKA_INJECT_PANIC", name, 1);
}

static void clear(void)
{
    HOLDS(strstr(ckafka_errmsg(), "CKAFKA_INJECT_PANIC"));
    unsetenv("CKAFKA_INJECT_PANIC");
}

#define PANICS(call)                                                                                                   \
    do {                                                                                                               \
        inject(#call);                                                                                                 \
        GIVES(call, CKAFKA_ERR__PANIC);                                                                                \
        clear();                                                                                                       \
    } while (0)

/* A panic with an object that is opened for it: the object is poisoned, and can be closed. */
#define POISONS(open, call, other_call, close)                                                                         \
    do {                                                                                                               \
        NEEDS(open);                                                                                                   \
        PANICS(call);                                                                                                  \
        GIVES(call, CKAFKA_ERR__PANIC);                                                                                \
        GIVES(other_call, CKAFKA_ERR__PANIC);                                                                          \
        WORKS(close);                                                                                                  \
        GIVES(close, CKAFKA_ERR__BAD_HANDLE);                                                                          \
    } while (0)

static void without_handles(const char *path)
{
    ckafka_conf_t *conf = ckafka_conf_new();
    ckafka_t *none = NULL;
    ckafka_view_t *view = NULL;
    ckafka_slice_t name, value;
    char buf[32];
    size_t len = sizeof buf, cursor = 0;
    inject("ckafka_conf_new");
    HOLDS(!ckafka_conf_new());
    clear();
    inject("ckafka_conf_dup");
    HOLDS(!ckafka_conf_dup(conf));
    clear();
    PANICS(ckafka_conf_set(conf, "segment.bytes", "4096"));
    PANICS(ckafka_conf_get(conf, "segment.bytes", buf, &len));
    PANICS(ckafka_headers_append(buf, sizeof buf, "name", "v", 1, &cursor));
    PANICS(ckafka_header_next(buf, 0, &cursor, &name, &value));
    PANICS(ckafka_partition_for_key("key", 3, 4));
    PANICS(ckafka_pin_thread(0));
    PANICS(ckafka_view_decode("", 0, 1024, &view, &len));
    PANICS(ckafka_open(path, NULL, CKAFKA_OPEN_CREATE, &none));
    HOLDS(!none && !view && cursor == 0);
    inject("ckafka_conf_free");
    ckafka_conf_free(conf);
    clear();
    ckafka_conf_free(conf);
}

#define DIRECTORY(call)                                                                                                \
    POISONS(ckafka_open(path, NULL, 0, &own), call, ckafka_caps(own, &bits), ckafka_close(own))

static void directories(const char *path)
{
    ckafka_t *own = NULL;
    ckafka_log_t *log = NULL;
    char *json = NULL;
    uint64_t bits;
    int64_t low, end, durable;
    DIRECTORY(ckafka_sync(own));
    DIRECTORY(ckafka_recovery_report(own, &json));
    DIRECTORY(ckafka_stats(own, &json));
    DIRECTORY(ckafka_caps(own, &bits));
    DIRECTORY(ckafka_topic_create(own, "another", 1, NULL));
    DIRECTORY(ckafka_topic_delete(own, "topic"));
    DIRECTORY(ckafka_topic_list(own, &json));
    DIRECTORY(ckafka_watermarks(own, "topic", 0, &low, &end, &durable));
    DIRECTORY(ckafka_log_open(own, "topic", 0, &log));
    DIRECTORY(ckafka_io_threads_start(own, CKAFKA_IO_FLUSH));
    NEEDS(ckafka_open(path, NULL, 0, &own));
    PANICS(ckafka_close(own));
    GIVES(ckafka_close(own), CKAFKA_ERR__BAD_HANDLE);
    HOLDS(!json && !log);
}

#define LOG(call)                                                                                                      \
    POISONS(ckafka_log_open(h, "topic", 0, &log), call, ckafka_pretouch(log), ckafka_log_close(log))

static void logs(void)
{
    ckafka_log_t *log = NULL;
    ckafka_batch_t *batch = NULL;
    ckafka_reader_t *reader = NULL;
    ckafka_sender_t *sender = NULL;
    ckafka_record_t record = make_record("key", "value", 1);
    int32_t len = 1;
    int64_t base = -7, ts = -7;
    int fd;
    LOG(ckafka_append(log, &record, 1, &base));
    LOG(ckafka_append_durable(log, &record, 1, -1, &base));
    LOG(ckafka_append_raw(log, "batch", 5, &base));
    LOG(ckafka_append_packed(log, "v", &len, NULL, NULL, 1, -1, &base));
    LOG(ckafka_wait_durable(log, 0, 0));
    LOG(ckafka_sync_request(log));
    LOG(ckafka_durable_fd(log, &fd));
    LOG(ckafka_pretouch(log));
    LOG(ckafka_batch_new(log, 0, &batch));
    LOG(ckafka_reader_open(log, 0, NULL, &reader));
    LOG(ckafka_offset_for_time(log, 0, &base, &ts));
    LOG(ckafka_sender_open(log, 0, &sender));
    NEEDS(ckafka_log_open(h, "topic", 0, &log));
    PANICS(ckafka_log_close(log));
    GIVES(ckafka_log_close(log), CKAFKA_ERR__BAD_HANDLE);
    HOLDS(base == -7 && ts == -7 && !batch && !reader && !sender);
}

static void batches(ckafka_log_t *log)
{
    ckafka_batch_t *batch = NULL;
    ckafka_record_t record = make_record("key", "value", 1);
    int64_t base = -7;
    NEEDS(ckafka_batch_new(log, 0, &batch));
    PANICS(ckafka_batch_add(batch, &record));
    GIVES(ckafka_batch_add(batch, &record), CKAFKA_ERR__PANIC);
    ckafka_batch_free(batch);
    NEEDS(ckafka_batch_new(log, 0, &batch));
    WORKS(ckafka_batch_add(batch, &record));
    PANICS(ckafka_batch_append(batch, &base));
    GIVES(ckafka_batch_append(batch, &base), CKAFKA_ERR__PANIC);
    EQUALS(base, -7);
    inject("ckafka_batch_free");
    ckafka_batch_free(batch);
    clear();
    ckafka_batch_free(batch);
}

#define READER(call)                                                                                                   \
    POISONS(ckafka_reader_open(log, 0, NULL, &reader), call, ckafka_reader_seek(reader, 0), ckafka_reader_close(reader))
#define SENDER(call)                                                                                                   \
    POISONS(ckafka_sender_open(log, 0, &sender), call, ckafka_sender_position(sender, &base, &bytes),                  \
            ckafka_sender_close(sender))

static void readers_and_senders(ckafka_log_t *log)
{
    ckafka_reader_t *reader = NULL;
    ckafka_sender_t *sender = NULL;
    ckafka_view_t *view = NULL;
    int64_t base;
    uint64_t bytes;
    int fd;
    READER(ckafka_reader_fetch(reader, 1024, 0, &view));
    READER(ckafka_reader_seek(reader, 0));
    READER(ckafka_reader_seek_time(reader, 0));
    READER(ckafka_reader_position(reader, &base));
    READER(ckafka_reader_fd(reader, &fd));
    HOLDS(!view);
    NEEDS(ckafka_reader_open(log, 0, NULL, &reader));
    inject("ckafka_wakeup");
    GIVES(ckafka_wakeup(reader), CKAFKA_ERR__PANIC);
    unsetenv("CKAFKA_INJECT_PANIC");
    PANICS(ckafka_reader_close(reader));
    GIVES(ckafka_reader_close(reader), CKAFKA_ERR__BAD_HANDLE);
    SENDER(ckafka_send(sender, 1, 1024, 0, &bytes));
    SENDER(ckafka_sender_position(sender, &base, &bytes));
    NEEDS(ckafka_sender_open(log, 0, &sender));
    PANICS(ckafka_sender_close(sender));
    GIVES(ckafka_sender_close(sender), CKAFKA_ERR__BAD_HANDLE);
}

static void views(ckafka_log_t *log)
{
    ckafka_reader_t *reader = NULL;
    ckafka_view_t *view = NULL;
    ckafka_columns_t columns;
    const ckafka_rec_t *recs;
    const void *ptr;
    size_t n;
    columns.struct_size = sizeof columns;
    NEEDS(ckafka_reader_open(log, 0, NULL, &reader));
    NEEDS(ckafka_reader_fetch(reader, 1024, 0, &view));
    PANICS(ckafka_view_base(view, &ptr, &n));
    PANICS(ckafka_view_records(view, &recs, &n));
    PANICS(ckafka_view_columns(view, &columns));
    PANICS(ckafka_view_raw(view, &ptr, &n));
    PANICS(ckafka_view_retain(view));
    WORKS(ckafka_view_records(view, &recs, &n));
    EQUALS(n, 1);
    inject("ckafka_view_release");
    ckafka_view_release(view);
    clear();
    ckafka_view_release(view);
    WORKS(ckafka_reader_close(reader));
}

int main(int argc, char **argv)
{
    ckafka_log_t *log = NULL;
    ckafka_record_t record = make_record("key", "value", 1);
    int64_t base = -1;
    if (argc != 2)
        return 2;
    without_handles(argv[1]);
    NEEDS(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &h));
    NEEDS(ckafka_topic_create(h, "topic", 1, NULL));
    NEEDS(ckafka_log_open(h, "topic", 0, &log));
    WORKS(ckafka_append(log, &record, 1, &base));
    directories(argv[1]);
    logs();
    batches(log);
    readers_and_senders(log);
    views(log);

    /* What did not panic works as before, and nothing that was asked for in vain has happened. */
    WORKS(ckafka_append_durable(log, &record, 1, -1, &base));
    EQUALS(base, 1);
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_close(h));
    return check_result("panic");
}
