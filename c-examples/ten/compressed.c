/*
 * compressed DIRECTORY
 *
 * A topic whose batches are compressed. The setting belongs to the topic and is kept with it: whoever appends later, from
 * whichever program, compresses likewise, and readers need to know nothing. Batches are compressed whole, so put many
 * records into each: here with a builder that is filled until it is full.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD_COUNT 20000
#define BATCH_SIZE 65536

/* Gives up with what the library says. */
static void must(ckafka_err_t err, const char *what)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s: %s\\n", what, ckafka_errmsg());
    exit(1);
}

static uint64_t append_lines(ckafka_log_t *log)
{
    ckafka_batch_t *batch;
    int64_t offset;
    uint64_t size = 0;
    must(ckafka_batch_new(log, BATCH_SIZE, &batch), "starting a batch");
    for (int i = 0; i < RECORD_COUNT; i++) {
        char line[96];
        const int len = snprintf(line, sizeof line, "{\"sensor\": %d, \"state\": \"running\", \"rpm\": %d}", i % 50, 1500 + i % 7);
        const ckafka_record_t record = {.value = {line, (size_t)len}, .ts = -1};
        ckafka_err_t err = ckafka_batch_add(batch, &record);
        if (err == CKAFKA_ERR_MESSAGE_TOO_LARGE) { /* full: append it, which empties it, and go on */
            must(ckafka_batch_append(batch, &offset), "appending a batch");
            err = ckafka_batch_add(batch, &record);
        }
        must(err, "adding a record");
        size += (uint64_t)len;
    }
    must(ckafka_batch_append(batch, &offset), "appending the last batch");
    ckafka_batch_free(batch);
    return size;
}

/* Counts the records, and the bytes that they take on disk. */
static int64_t read_back(ckafka_log_t *log, uint64_t *stored)
{
    ckafka_reader_t *reader;
    ckafka_view_t *view;
    int64_t count = 0;
    ckafka_err_t err;
    must(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader), "opening a reader");
    while ((err = ckafka_reader_fetch(reader, 1 << 20, 0, &view)) == CKAFKA_OK) {
        const ckafka_rec_t *records;
        const void *bytes;
        size_t n, size;
        must(ckafka_view_records(view, &records, &n), "the records of the view");
        must(ckafka_view_raw(view, &bytes, &size), "the batches as they lie");
        /* A flag tells what a reader pays for: these values were unpacked into memory of the view. */
        if (n > 0 && !(records[0].flags & CKAFKA_REC_DECOMPRESSED))
            fprintf(stderr, "offset %" PRId64 " is not compressed\n", records[0].offset);
        count += (int64_t)n;
        *stored += size;
        ckafka_view_release(view);
    }
    if (err != CKAFKA_ERR__TIMED_OUT)
        must(err, "reading");
    must(ckafka_reader_close(reader), "closing the reader");
    return count;
}

int main(int argc, char **argv)
{
    ckafka_t *dir;
    ckafka_log_t *log;
    uint64_t stored = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: compressed DIRECTORY\n");
        return 2;
    }
    must(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &dir), "opening the directory");
    ckafka_conf_t *conf = ckafka_conf_new();
    must(ckafka_conf_set(conf, "compression.type", "zstd"), "choosing zstd"); /* or gzip, snappy, lz4, none */
    must(ckafka_conf_set(conf, "compression.zstd.level", "3"), "choosing its level");
    must(ckafka_topic_create(dir, "lines", 1, conf), "making the topic");
    ckafka_conf_free(conf); /* it was copied */
    must(ckafka_log_open(dir, "lines", 0, &log), "opening partition 0");

    const uint64_t size = append_lines(log);
    const int64_t count = read_back(log, &stored);
    printf("%" PRId64 " records: %" PRIu64 " bytes in, %" PRIu64 " on disk\n", count, size, stored);
    must(ckafka_log_close(log), "closing the log");
    must(ckafka_close(dir), "closing the directory");
    return count == RECORD_COUNT && stored < size / 4 ? 0 : 1;
}
