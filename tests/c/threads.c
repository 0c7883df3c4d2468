/* Handles between threads, signals and processes: a second user of a reader is told, a waiting fetch can be woken and
 * closed from elsewhere, and a forked child gets no further than CKAFKA_ERR__FORKED. */
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static ckafka_reader_t *reader;
static volatile sig_atomic_t woken_in_handler;

static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Fetches for ever; what it got. Whoever looks whether it has begun may be at the reader in that moment. */
static void *fetch(void *unused)
{
    ckafka_view_t *view = NULL;
    ckafka_err_t err;
    (void)unused;
    do {
        err = ckafka_reader_fetch(reader, 1024, -1, &view);
    } while (err == CKAFKA_ERR__BUSY);
    if (view)
        ckafka_view_release(view);
    return (void *)(intptr_t)err;
}

static ckafka_err_t joined(pthread_t thread)
{
    void *result = NULL;
    if (pthread_join(thread, &result))
        exit(2);
    return (ckafka_err_t)(intptr_t)result;
}

static pthread_t fetching(void)
{
    pthread_t thread;
    int64_t position;
    int i;
    if (pthread_create(&thread, NULL, fetch, NULL))
        exit(2);
    for (i = 0; i < 2000 && ckafka_reader_position(reader, &position) != CKAFKA_ERR__BUSY; i++)
        pause_ms(1);
    GIVES(ckafka_reader_position(reader, &position), CKAFKA_ERR__BUSY);
    GIVES(ckafka_reader_seek(reader, 0), CKAFKA_ERR__BUSY);
    return thread;
}

static void wake_in_handler(int signal)
{
    (void)signal;
    woken_in_handler = ckafka_wakeup(reader) == CKAFKA_OK;
}

static void wakes(ckafka_log_t *log)
{
    ckafka_view_t *view = NULL;
    ckafka_record_t record = make_record("key", "value", 1);
    struct sigaction action;
    pthread_t thread;
    int64_t base;
    NEEDS(ckafka_reader_open(log, CKAFKA_START_LATEST, NULL, &reader));
    thread = fetching();
    WORKS(ckafka_wakeup(reader));
    GIVES(joined(thread), CKAFKA_ERR__INTERRUPTED);

    WORKS(ckafka_wakeup(reader));
    GIVES(ckafka_reader_fetch(reader, 1024, -1, &view), CKAFKA_ERR__INTERRUPTED);

    memset(&action, 0, sizeof action);
    action.sa_handler = wake_in_handler;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    GIVES(ckafka_reader_fetch(reader, 1024, -1, &view), CKAFKA_ERR__INTERRUPTED);
    HOLDS(woken_in_handler);
    /* The signal may have ended that one fetch, and the handler's call then ends the next. */
    (void)ckafka_reader_fetch(reader, 1024, 0, &view);

    thread = fetching();
    WORKS(ckafka_append(log, &record, 1, &base));
    GIVES(joined(thread), CKAFKA_OK);
    WORKS(ckafka_reader_close(reader));
}

static void closes_under_a_fetch(ckafka_log_t *log)
{
    pthread_t thread;
    int round;
    for (round = 0; round < 20; round++) {
        NEEDS(ckafka_reader_open(log, CKAFKA_START_LATEST, NULL, &reader));
        thread = fetching();
        WORKS(ckafka_reader_close(reader));
        GIVES(ckafka_reader_close(reader), CKAFKA_ERR__BAD_HANDLE);
        GIVES(ckafka_wakeup(reader), CKAFKA_ERR__BAD_HANDLE);
        GIVES(joined(thread), CKAFKA_ERR__INTERRUPTED);
    }
}

static ckafka_log_t *flushed;

static void handle_nothing(int signal)
{
    (void)signal;
}

/* Appends that wait for the disk; the first error, and no more appends then. */
static void *append_flushed(void *unused)
{
    ckafka_record_t record = make_record("key", "value", 1);
    ckafka_err_t err = CKAFKA_OK;
    int64_t base;
    int i;
    (void)unused;
    for (i = 0; i < 200 && !err; i++)
        err = ckafka_append(flushed, &record, 1, &base);
    return (void *)(intptr_t)err;
}

/* With flush.messages=1 one of two appenders waits for the other's sync. A signal must not end that with an error: the
 * records are in the log, and who is told of an error appends them again. */
static void signals_end_no_append(ckafka_t *h)
{
    ckafka_conf_t *conf = ckafka_conf_new();
    struct sigaction action;
    pthread_t threads[2];
    int64_t low, end, durable;
    int i;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle_nothing;
    sigaction(SIGUSR1, &action, NULL);
    WORKS(ckafka_conf_set(conf, "flush.messages", "1"));
    NEEDS(ckafka_topic_create(h, "flushed", 1, conf));
    ckafka_conf_free(conf);
    NEEDS(ckafka_log_open(h, "flushed", 0, &flushed));
    for (i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, append_flushed, NULL))
            exit(2);
    }
    for (i = 0; i < 2000; i++) {
        pthread_kill(threads[i % 2], SIGUSR1);
        if (i % 2)
            usleep(100);
    }
    WORKS(joined(threads[0]));
    WORKS(joined(threads[1]));
    WORKS(ckafka_watermarks(h, "flushed", 0, &low, &end, &durable));
    EQUALS(end, 400);
    EQUALS(durable, 400);
    WORKS(ckafka_log_close(flushed));
}

/* In the child of a fork. */
static int child(const char *path, ckafka_t *h, ckafka_log_t *log, const ckafka_rec_t *rec, const char *base)
{
    ckafka_record_t record = make_record("child", "value", 1);
    char *json = NULL;
    ckafka_view_t *view = NULL;
    ckafka_t *own = NULL;
    int64_t offset = -7;
    GIVES(ckafka_append(log, &record, 1, &offset), CKAFKA_ERR__FORKED);
    GIVES(ckafka_stats(h, &json), CKAFKA_ERR__FORKED);
    GIVES(ckafka_reader_fetch(reader, 1024, 0, &view), CKAFKA_ERR__FORKED);
    GIVES(ckafka_wakeup(reader), CKAFKA_ERR__FORKED);
    GIVES(ckafka_reader_close(reader), CKAFKA_ERR__FORKED);
    GIVES(ckafka_reader_close(reader), CKAFKA_ERR__BAD_HANDLE);
    GIVES(ckafka_log_close(log), CKAFKA_ERR__FORKED);
    GIVES(ckafka_close(h), CKAFKA_ERR__FORKED);
    GIVES(ckafka_close(h), CKAFKA_ERR__BAD_HANDLE);
    HOLDS(memcmp(base + rec->val_pos, "value", 5) == 0);
    NEEDS(ckafka_open(path, NULL, 0, &own));
    NEEDS(ckafka_log_open(own, "topic", 0, &log));
    WORKS(ckafka_append_durable(log, &record, 1, -1, &offset));
    EQUALS(offset, 1);
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_close(own));
    return check_result("child");
}

static void forks(const char *path, ckafka_t *h, ckafka_log_t *log)
{
    ckafka_record_t record = make_record("parent", "value", 1);
    ckafka_view_t *view = NULL;
    const ckafka_rec_t *recs = NULL;
    const void *base = NULL;
    size_t n = 0, len = 0;
    int64_t offset = -1;
    int status = -1;
    pid_t pid;
    NEEDS(ckafka_reader_open(log, 0, NULL, &reader));
    NEEDS(ckafka_reader_fetch(reader, 1024, 0, &view));
    NEEDS(ckafka_view_records(view, &recs, &n));
    NEEDS(ckafka_view_base(view, &base, &len));
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        exit(child(path, h, log, recs, base));
    HOLDS(pid > 0 && waitpid(pid, &status, 0) == pid);
    EQUALS(status, 0);
    WORKS(ckafka_append(log, &record, 1, &offset));
    EQUALS(offset, 2);
    ckafka_view_release(view);
    WORKS(ckafka_reader_close(reader));
}

int main(int argc, char **argv)
{
    ckafka_t *h = NULL;
    ckafka_log_t *log = NULL;
    if (argc != 2)
        return 2;
    NEEDS(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &h));
    NEEDS(ckafka_topic_create(h, "topic", 1, NULL));
    NEEDS(ckafka_log_open(h, "topic", 0, &log));
    wakes(log);
    closes_under_a_fetch(log);
    signals_end_no_append(h);
    forks(argv[1], h, log);
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_close(h));
    return check_result("threads");
}
