/*
 * columns DIRECTORY
 *
 * Reads records by columns: one array each of offsets, times, positions and lengths, as a loop that computes over many
 * records wants them. Nothing is copied and nothing is called for a single record.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_COUNT 10000

/* Gives up with what the library says. */
static void must(ckafka_err_t err, const char *what)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s: %s\\n", what, ckafka_errmsg());
    exit(1);
}

/* append_packed takes what columns are made of: concatenated bytes, and a length for each. */
static void append_numbers(ckafka_log_t *log)
{
    static int64_t values[RECORD_COUNT];
    static int32_t lens[RECORD_COUNT];
    int64_t base;
    for (int i = 0; i < RECORD_COUNT; i++) {
        values[i] = i;
        lens[i] = (int32_t)sizeof values[i];
    }
    must(ckafka_append_packed(log, values, lens, NULL, NULL, RECORD_COUNT, -1, &base), "appending");
}

int main(int argc, char **argv)
{
    ckafka_t *dir;
    ckafka_log_t *log;
    ckafka_reader_t *reader;
    ckafka_view_t *view;
    int64_t sum = 0, first_ts = 0;
    size_t count = 0;
    ckafka_err_t err;

    if (argc != 2) {
        fprintf(stderr, "usage: columns DIRECTORY\n");
        return 2;
    }
    must(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &dir), "opening the directory");
    must(ckafka_topic_create(dir, "numbers", 1, NULL), "making the topic");
    must(ckafka_log_open(dir, "numbers", 0, &log), "opening partition 0");
    append_numbers(log);

    must(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader), "opening a reader");
    while ((err = ckafka_reader_fetch(reader, 1 << 20, 0, &view)) == CKAFKA_OK) {
        /* The size tells the library which fields this program knows. */
        ckafka_columns_t columns = {.struct_size = sizeof columns};
        const void *base;
        size_t size;
        must(ckafka_view_base(view, &base, &size), "the memory of the view");
        must(ckafka_view_columns(view, &columns), "the columns of the view");
        for (size_t i = 0; i < columns.count; i++) {
            int64_t value;
            if (columns.val_len[i] != (int32_t)sizeof value)
                continue; /* not one of ours */
            /* Records lie at any address: copy numbers out, do not point at them. */
            memcpy(&value, (const char *)base + columns.val_pos[i], sizeof value);
            sum += value;
        }
        if (count == 0 && columns.count > 0)
            first_ts = columns.timestamps[0];
        count += columns.count;
        /* The columns belong to the view and go with it. */
        ckafka_view_release(view);
    }
    if (err != CKAFKA_ERR__TIMED_OUT)
        must(err, "reading");
    printf("%zu records since %" PRId64 " ms, sum %" PRId64 "\n", count, first_ts, sum);

    must(ckafka_reader_close(reader), "closing the reader");
    must(ckafka_log_close(log), "closing the log");
    must(ckafka_close(dir), "closing the directory");
    return count == RECORD_COUNT && sum == (int64_t)RECORD_COUNT * (RECORD_COUNT - 1) / 2 ? 0 : 1;
}
