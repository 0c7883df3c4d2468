/*
 * race FOLDER SECONDS
 *
 * Eight threads use and close the same handles without asking each other: whatever lies in a shared place is taken,
 * used, closed, or replaced by a new one. Each call must answer success or one of the errors that its header names for
 * that; nothing may crash or hang. At the end everything can be closed, and the log holds what was appended.
 */
#include "../check.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define THREAD_COUNT 8
#define HANG_SECONDS 60

static _Atomic(ckafka_log_t *) shared_log;
static _Atomic(ckafka_reader_t *) shared_reader;
static _Atomic(ckafka_sender_t *) shared_sender;
static ckafka_t *dir;
static atomic_llong appended, calls;
static atomic_int is_over;

/* Whether the answer is one that a race explains; says so if not. */
static void explained(const char *call, ckafka_err_t err)
{
    static const ckafka_err_t fine[] = {CKAFKA_OK,
                                        CKAFKA_ERR__BAD_HANDLE,
                                        CKAFKA_ERR__BUSY,
                                        CKAFKA_ERR__TIMED_OUT,
                                        CKAFKA_ERR__INTERRUPTED};
    atomic_fetch_add(&calls, 1);
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (err == fine[i])
            return;
    fprintf(stderr, "%s: %s; %s\n", call, ckafka_strerror(err), ckafka_errmsg());
    abort();
}

static void read_some(unsigned *dice)
{
    ckafka_view_t *view = NULL;
    ckafka_reader_t *reader = atomic_load(&shared_reader);
    const ckafka_err_t err = ckafka_reader_fetch(reader, 4096, (int32_t)(rand_r(dice) % 3), &view);
    explained("fetch", err);
    if (err == CKAFKA_OK) {
        const ckafka_rec_t *rows;
        const void *base;
        size_t n, size;
        WORKS(ckafka_view_base(view, &base, &size));
        WORKS(ckafka_view_records(view, &rows, &n));
        for (size_t i = 0; i < n; i++)
            HOLDS(rows[i].val_len == 5 && memcmp((const char *)base + rows[i].val_pos, "value", 5) == 0);
        ckafka_view_release(view);
    }
}

static void use(unsigned *dice)
{
    const ckafka_record_t record = make_record("key", "value", 1);
    int64_t offset;
    uint64_t number;
    ckafka_err_t err;
    switch (rand_r(dice) % 8) {
    case 0:
        err = ckafka_append(atomic_load(&shared_log), &record, 1, &offset);
        explained("append", err);
        if (err == CKAFKA_OK)
            atomic_fetch_add(&appended, 1);
        break;
    case 1: read_some(dice); break;
    case 2: explained("seek", ckafka_reader_seek(atomic_load(&shared_reader), 0)); break;
    case 3: explained("wakeup", ckafka_wakeup(atomic_load(&shared_reader))); break;
    case 4: explained("position", ckafka_sender_position(atomic_load(&shared_sender), &offset, &number)); break;
    case 5: explained("time", ckafka_offset_for_time(atomic_load(&shared_log), 1, &offset, &offset)); break;
    case 6: explained("busy", ckafka_close(dir)); break;
    default: explained("position", ckafka_reader_position(atomic_load(&shared_reader), &offset)); break;
    }
}

/* Two threads may replace at once; then both close what they took out, each its own. */
static void replace(unsigned *dice)
{
    ckafka_log_t *log = NULL;
    ckafka_reader_t *reader = NULL;
    ckafka_sender_t *sender = NULL;
    switch (rand_r(dice) % 4) {
    case 0:
        explained("open log", ckafka_log_open(dir, "race", 0, &log));
        explained("close log", ckafka_log_close(atomic_exchange(&shared_log, log)));
        break;
    case 1:
        explained("open reader", ckafka_reader_open(atomic_load(&shared_log), CKAFKA_START_EARLIEST, NULL, &reader));
        explained("close reader", ckafka_reader_close(atomic_exchange(&shared_reader, reader)));
        break;
    case 2:
        explained("open sender", ckafka_sender_open(atomic_load(&shared_log), CKAFKA_START_EARLIEST, &sender));
        explained("close sender", ckafka_sender_close(atomic_exchange(&shared_sender, sender)));
        break;
    default: /* Close without taking it out: others find a dead handle, and close it once more. */
        explained("close reader", ckafka_reader_close(atomic_load(&shared_reader)));
        explained("close sender", ckafka_sender_close(atomic_load(&shared_sender)));
        break;
    }
}

static void *run(void *seed)
{
    unsigned dice = *(unsigned *)seed;
    while (!atomic_load(&is_over)) {
        if (rand_r(&dice) % 4 == 0)
            replace(&dice);
        else
            use(&dice);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREAD_COUNT];
    unsigned seeds[THREAD_COUNT];
    int64_t low, end, durable;
    const int seconds = argc == 3 ? atoi(argv[2]) : 0;
    if (seconds < 1 || chdir(argv[1]) != 0)
        return 2;
    ckafka_conf_t *conf = ckafka_conf_new();
    NEEDS(ckafka_conf_set(conf, "segment.bytes", "1048576"));
    NEEDS(ckafka_open("data", NULL, CKAFKA_OPEN_CREATE, &dir));
    NEEDS(ckafka_topic_create(dir, "race", 1, conf));
    ckafka_conf_free(conf);
    /* One that stays: while it is open the directory cannot be closed, however often it is tried. */
    ckafka_log_t *keeper;
    NEEDS(ckafka_log_open(dir, "race", 0, &keeper));
    alarm((unsigned)(seconds + HANG_SECONDS));
    for (unsigned i = 0; i < THREAD_COUNT; i++) {
        seeds[i] = i * 7919 + (unsigned)time(NULL);
        pthread_create(&threads[i], NULL, run, &seeds[i]);
    }
    sleep((unsigned)seconds);
    atomic_store(&is_over, 1);
    for (int i = 0; i < THREAD_COUNT; i++)
        pthread_join(threads[i], NULL);
    ckafka_reader_close(shared_reader);
    ckafka_sender_close(shared_sender);
    ckafka_log_close(shared_log);
    WORKS(ckafka_watermarks(dir, "race", 0, &low, &end, &durable));
    EQUALS(end, atomic_load(&appended));
    WORKS(ckafka_log_close(keeper));
    WORKS(ckafka_close(dir));
    printf("%lld calls, %lld records, seed %u\n", atomic_load(&calls), atomic_load(&appended), seeds[0]);
    return check_result("race");
}
