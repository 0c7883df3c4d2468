/*
 * durable DIRECTORY
 *
 * Eight threads append and wait until each record is on disk. Who waits at the same time shares one sync of the disk
 * (group commit), so that a disk that syncs a hundred times a second acknowledges many more records than that.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREAD_COUNT 8
#define RECORDS_PER_THREAD 25
#define TIMEOUT_MS 10000

static ckafka_log_t *log_handle; /* handles of logs may be used by any number of threads */

/* Gives up with what the library says. */
static void must(ckafka_err_t err, const char *what)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s: %s\\n", what, ckafka_errmsg());
    exit(1);
}

static void *append_some(void *argument)
{
    const int number = *(const int *)argument;
    for (int i = 0; i < RECORDS_PER_THREAD; i++) {
        char value[48];
        const int len = snprintf(value, sizeof value, "payment %d of thread %d", i, number);
        const ckafka_record_t record = {.value = {value, (size_t)len}, .ts = -1};
        int64_t offset;
        ckafka_err_t err = ckafka_append_durable(log_handle, &record, 1, TIMEOUT_MS, &offset);
        /* With these two the record is appended already, only not known to be on disk: never append it again. */
        while (err == CKAFKA_ERR__TIMED_OUT || err == CKAFKA_ERR__INTERRUPTED)
            err = ckafka_wait_durable(log_handle, offset, TIMEOUT_MS);
        must(err, "appending durably");
        /* Only now may anybody be told that the payment was taken. */
    }
    return NULL;
}

int main(int argc, char **argv)
{
    ckafka_t *dir;
    pthread_t threads[THREAD_COUNT];
    int numbers[THREAD_COUNT];
    int64_t low, end, durable;

    if (argc != 2) {
        fprintf(stderr, "usage: durable DIRECTORY\n");
        return 2;
    }
    must(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &dir), "opening the directory");
    const ckafka_err_t err = ckafka_topic_create(dir, "payments", 1, NULL);
    if (err != CKAFKA_ERR_TOPIC_ALREADY_EXISTS)
        must(err, "making the topic");
    must(ckafka_log_open(dir, "payments", 0, &log_handle), "opening partition 0");

    for (int i = 0; i < THREAD_COUNT; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, append_some, &numbers[i]) != 0) {
            fprintf(stderr, "no thread could be started\n");
            return 1;
        }
    }
    for (int i = 0; i < THREAD_COUNT; i++)
        pthread_join(threads[i], NULL);

    must(ckafka_watermarks(dir, "payments", 0, &low, &end, &durable), "asking for the ends");
    printf("%d records appended, all below the durable end %" PRId64 "\n", THREAD_COUNT * RECORDS_PER_THREAD, durable);
    must(ckafka_log_close(log_handle), "closing the log");
    must(ckafka_close(dir), "closing the directory");
    return durable == end ? 0 : 1;
}
