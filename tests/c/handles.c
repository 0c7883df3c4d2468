/* Every function with a handle, called with values that are no open handle of its kind: each call says so and writes
 * nothing. */
#include "check.h"

#define BAD(call) GIVES(call, CKAFKA_ERR__BAD_HANDLE)

/* Outputs of all kinds, filled with a mark before the calls and looked at after them. */
static struct {
    char *text;
    uint64_t bits, sent, into;
    int64_t a, b, c;
    int fd;
    ckafka_log_t *log;
    ckafka_reader_t *reader;
    ckafka_sender_t *sender;
    ckafka_batch_t *batch;
    ckafka_view_t *view;
} out;

static void mark(void)
{
    memset(&out, 0x5A, sizeof out);
}

static void unmarked(void)
{
    unsigned char expected[sizeof out];
    memset(expected, 0x5A, sizeof expected);
    HOLDS(memcmp(&out, expected, sizeof out) == 0);
}

static void bad_directory(void *bad)
{
    ckafka_t *h = bad;
    mark();
    BAD(ckafka_close(h));
    BAD(ckafka_sync(h));
    BAD(ckafka_recovery_report(h, &out.text));
    BAD(ckafka_stats(h, &out.text));
    BAD(ckafka_caps(h, &out.bits));
    BAD(ckafka_topic_create(h, "topic", 1, NULL));
    BAD(ckafka_topic_delete(h, "topic"));
    BAD(ckafka_topic_list(h, &out.text));
    BAD(ckafka_watermarks(h, "topic", 0, &out.a, &out.b, &out.c));
    BAD(ckafka_log_open(h, "topic", 0, &out.log));
    BAD(ckafka_io_threads_start(h, CKAFKA_IO_FLUSH));
    unmarked();
}

static void bad_log(void *bad)
{
    ckafka_log_t *log = bad;
    ckafka_record_t record = make_record("key", "value", 1);
    int32_t len = 1;
    mark();
    BAD(ckafka_log_close(log));
    BAD(ckafka_append(log, &record, 1, &out.a));
    BAD(ckafka_append_durable(log, &record, 1, 0, &out.a));
    BAD(ckafka_append_raw(log, "batch", 5, &out.a));
    BAD(ckafka_append_packed(log, "v", &len, NULL, NULL, 1, -1, &out.a));
    BAD(ckafka_wait_durable(log, 0, 0));
    BAD(ckafka_sync_request(log));
    BAD(ckafka_durable_fd(log, &out.fd));
    BAD(ckafka_pretouch(log));
    BAD(ckafka_batch_new(log, 0, &out.batch));
    BAD(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &out.reader));
    BAD(ckafka_offset_for_time(log, 0, &out.a, &out.b));
    BAD(ckafka_sender_open(log, CKAFKA_START_EARLIEST, &out.sender));
    unmarked();
}

static void bad_reader(void *bad)
{
    ckafka_reader_t *reader = bad;
    mark();
    BAD(ckafka_reader_close(reader));
    BAD(ckafka_reader_fetch(reader, 1024, 0, &out.view));
    BAD(ckafka_reader_seek(reader, 0));
    BAD(ckafka_reader_seek_time(reader, 0));
    BAD(ckafka_reader_position(reader, &out.a));
    BAD(ckafka_reader_fd(reader, &out.fd));
    BAD(ckafka_wakeup(reader));
    unmarked();
}

static void bad_sender(void *bad)
{
    ckafka_sender_t *sender = bad;
    mark();
    BAD(ckafka_sender_close(sender));
    BAD(ckafka_send(sender, 1, 1024, 0, &out.sent));
    BAD(ckafka_sender_position(sender, &out.a, &out.into));
    unmarked();
}

static void bad_for_all(void *bad)
{
    bad_directory(bad);
    bad_log(bad);
    bad_reader(bad);
    bad_sender(bad);
}

static void strangers(void)
{
    char bytes[64];
    uintptr_t bit;
    void *heap = malloc(64);
    memset(bytes, 0, sizeof bytes);
    bad_for_all(NULL);
    for (bit = 0; bit < 64; bit++) {
        bad_for_all((void *)((uintptr_t)1 << bit));
        bad_for_all((void *)~((uintptr_t)1 << bit));
    }
    bad_for_all((void *)~(uintptr_t)0);
    bad_for_all(bytes);
    bad_for_all(bytes + 1);
    bad_for_all(heap);
    bad_for_all((void *)(uintptr_t)&bad_for_all);
    free(heap);
}

/* Each kind of handle where another kind is expected, then each after it was closed. */
static void wrong_and_closed(const char *path)
{
    ckafka_t *h = NULL;
    ckafka_log_t *log = NULL;
    ckafka_reader_t *reader = NULL;
    ckafka_sender_t *sender = NULL;
    int64_t base = -1;
    ckafka_record_t record = make_record("key", "value", 1);
    NEEDS(ckafka_open(path, NULL, CKAFKA_OPEN_CREATE, &h));
    NEEDS(ckafka_topic_create(h, "topic", 1, NULL));
    NEEDS(ckafka_log_open(h, "topic", 0, &log));
    NEEDS(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader));
    NEEDS(ckafka_sender_open(log, CKAFKA_START_EARLIEST, &sender));
    bad_directory(log), bad_directory(reader), bad_directory(sender);
    bad_log(h), bad_log(reader), bad_log(sender);
    bad_reader(h), bad_reader(log), bad_reader(sender);
    bad_sender(h), bad_sender(log), bad_sender(reader);

    /* All of them are as good as before. */
    GIVES(ckafka_close(h), CKAFKA_ERR__BUSY);
    WORKS(ckafka_append(log, &record, 1, &base));
    EQUALS(base, 0);
    WORKS(ckafka_reader_position(reader, &base));
    WORKS(ckafka_log_close(log));
    bad_for_all(log);
    GIVES(ckafka_close(h), CKAFKA_ERR__BUSY);
    WORKS(ckafka_wakeup(reader));
    WORKS(ckafka_reader_close(reader));
    bad_for_all(reader);
    WORKS(ckafka_sender_close(sender));
    bad_for_all(sender);
    WORKS(ckafka_close(h));
    bad_for_all(h);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    strangers();
    wrong_and_closed(argv[1]);
    return check_result("handles");
}
