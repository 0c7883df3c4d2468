/* A thread that is cancelled inside a call ends behind it, and no sooner: it leaves nothing locked, and nothing half done. */
#include "check.h"
#include <pthread.h>
#include <time.h>

enum { ROUNDS = 400, VALUE_SIZE = 20000 };

static ckafka_log_t *log_of_all;
static ckafka_reader_t *readers[2];
static int64_t acknowledged;

static void *append_for_ever(void *durably)
{
    static char value[VALUE_SIZE];
    ckafka_record_t record = make_record(NULL, NULL, -1);
    record.value.data = value;
    record.value.len = sizeof value;
    for (;;) {
        int64_t offset;
        ckafka_err_t err = durably ? ckafka_append_durable(log_of_all, &record, 1, -1, &offset)
                                   : ckafka_append(log_of_all, &record, 1, &offset);
        if (err)
            return NULL;
        __atomic_add_fetch(&acknowledged, 1, __ATOMIC_SEQ_CST);
        pthread_testcancel();
    }
}

static void *fetch_for_ever(void *given)
{
    ckafka_reader_t *reader = given;
    int64_t position;
    for (;;) {
        ckafka_view_t *view = NULL;
        ckafka_err_t err;
        /* From the start again and again, so that segments are opened. */
        if (ckafka_reader_position(reader, &position) == CKAFKA_OK && position > 1000)
            ckafka_reader_seek(reader, 0);
        err = ckafka_reader_fetch(reader, 1 << 18, 2, &view);
        if (err && err != CKAFKA_ERR__TIMED_OUT)
            return NULL;
        ckafka_view_release(view);
        pthread_testcancel();
    }
}

static void pause_us(unsigned us)
{
    struct timespec time = {0, (long)us * 1000};
    nanosleep(&time, NULL);
}

static void cancelled(void *(*body)(void *), void *argument, unsigned after_us)
{
    pthread_t thread;
    void *result = NULL;
    if (pthread_create(&thread, NULL, body, argument))
        exit(2);
    pause_us(after_us);
    pthread_cancel(thread);
    if (pthread_join(thread, &result))
        exit(2);
    HOLDS(result == PTHREAD_CANCELED);
}

int main(int argc, char **argv)
{
    ckafka_t *dir;
    ckafka_conf_t *conf = ckafka_conf_new();
    ckafka_record_t record = make_record(NULL, "x", -1);
    int64_t low = -1, end = -1, durable = -1, offset;
    int round;
    static char durably;
    if (argc != 2)
        return 2;
    WORKS(ckafka_conf_set(conf, "ckafka.lock.timeout.ms", "2000"));
    WORKS(ckafka_conf_set(conf, "segment.bytes", "1000000"));
    WORKS(ckafka_open(argv[1], conf, CKAFKA_OPEN_CREATE, &dir));
    WORKS(ckafka_topic_create(dir, "events", 1, conf));
    WORKS(ckafka_log_open(dir, "events", 0, &log_of_all));
    WORKS(ckafka_reader_open(log_of_all, CKAFKA_START_EARLIEST, NULL, &readers[0]));
    WORKS(ckafka_conf_set(conf, "ckafka.read.mode", "copy"));
    WORKS(ckafka_reader_open(log_of_all, CKAFKA_START_EARLIEST, conf, &readers[1]));
    for (round = 0; round < ROUNDS && !check_failures; round++) {
        unsigned after_us = (unsigned)(round * 7919 % 2000);
        if (round % 4 == 3)
            cancelled(fetch_for_ever, readers[round / 4 % 2], after_us);
        else
            cancelled(append_for_ever, round % 4 == 2 ? &durably : NULL, after_us);
        WORKS(ckafka_append(log_of_all, &record, 1, &offset));
    }
    WORKS(ckafka_watermarks(dir, "events", 0, &low, &end, &durable));
    HOLDS(end >= acknowledged + ROUNDS);
    /* What a cancelled thread had under way is there as a whole, though nobody was told. */
    HOLDS(end <= acknowledged + 2 * ROUNDS);
    WORKS(ckafka_reader_close(readers[0]));
    WORKS(ckafka_reader_close(readers[1]));
    WORKS(ckafka_log_close(log_of_all));
    WORKS(ckafka_close(dir));
    ckafka_conf_free(conf);
    return check_result("cancel");
}
