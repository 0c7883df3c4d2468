/*
 * follow DIRECTORY COUNT
 *
 * Prints records as they are appended, by whichever process, until there were COUNT of them. A reader that waits at the
 * end of the log sleeps in the kernel and is woken within microseconds of an append.
 *
 * Here a child process appends; a real follower would only have the second half of this program.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Gives up with what the library says. */
static void must(ckafka_err_t err, const char *what)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s: %s\\n", what, ckafka_errmsg());
    exit(1);
}

static ckafka_log_t *open_log(const char *path, ckafka_t **dir)
{
    ckafka_log_t *log;
    must(ckafka_open(path, NULL, CKAFKA_OPEN_CREATE, dir), "opening the directory");
    const ckafka_err_t err = ckafka_topic_create(*dir, "events", 1, NULL);
    if (err != CKAFKA_ERR_TOPIC_ALREADY_EXISTS)
        must(err, "making the topic");
    must(ckafka_log_open(*dir, "events", 0, &log), "opening partition 0");
    return log;
}

static void append_slowly(const char *path, int count)
{
    ckafka_t *dir;
    ckafka_log_t *log = open_log(path, &dir);
    for (int i = 0; i < count; i++) {
        char value[32];
        const int len = snprintf(value, sizeof value, "event %d", i);
        const ckafka_record_t record = {.value = {value, (size_t)len}, .ts = -1};
        int64_t offset;
        must(ckafka_append(log, &record, 1, &offset), "appending");
        usleep(20000);
    }
    must(ckafka_log_close(log), "closing the log");
    must(ckafka_close(dir), "closing the directory");
}

int main(int argc, char **argv)
{
    const int count = argc == 3 ? atoi(argv[2]) : 0;
    if (count < 1) {
        fprintf(stderr, "usage: follow DIRECTORY COUNT\n");
        return 2;
    }
    /* Fork before the directory is opened: what is open then stays with the parent. */
    const pid_t child = fork();
    if (child == 0) {
        append_slowly(argv[1], count);
        exit(0);
    }

    ckafka_t *dir;
    ckafka_log_t *log = open_log(argv[1], &dir);
    ckafka_reader_t *reader;
    must(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader), "opening a reader");
    for (int seen = 0; seen < count;) {
        ckafka_view_t *view;
        const ckafka_rec_t *records;
        const void *base;
        size_t size, n;
        const ckafka_err_t err = ckafka_reader_fetch(reader, 65536, 5000, &view);
        if (err == CKAFKA_ERR__INTERRUPTED)
            continue; /* a signal: look at what it wants, then go on */
        must(err, "waiting for records");
        must(ckafka_view_base(view, &base, &size), "the memory of the view");
        must(ckafka_view_records(view, &records, &n), "the records of the view");
        for (size_t i = 0; i < n; i++, seen++)
            printf("%" PRId64 ": %.*s\n", records[i].offset, (int)records[i].val_len,
                   (const char *)base + records[i].val_pos);
        ckafka_view_release(view);
    }
    must(ckafka_reader_close(reader), "closing the reader");
    must(ckafka_log_close(log), "closing the log");
    must(ckafka_close(dir), "closing the directory");
    int status = 1;
    waitpid(child, &status, 0);
    return status == 0 ? 0 : 1;
}
