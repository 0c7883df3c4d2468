/*
 * writers DIRECTORY
 *
 * Several processes append to one partition at the same time, without a server between them. Each batch is one step:
 * the batches of all writers lie one after the other, none is torn or lost, and offsets have no holes. Then the log is
 * read, and each writer's records are found in the order in which it appended them.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITER_COUNT 4
#define RECORDS_PER_WRITER 500

typedef struct {
    int32_t writer, number;
} note_t;

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
    const ckafka_err_t err = ckafka_topic_create(*dir, "notes", 1, NULL);
    if (err != CKAFKA_ERR_TOPIC_ALREADY_EXISTS) /* another writer may have been first */
        must(err, "making the topic");
    must(ckafka_log_open(*dir, "notes", 0, &log), "opening partition 0");
    return log;
}

static void close_log(ckafka_log_t *log, ckafka_t *dir)
{
    must(ckafka_log_close(log), "closing the log");
    must(ckafka_close(dir), "closing the directory");
}

static void write_notes(const char *path, int32_t writer)
{
    ckafka_t *dir;
    ckafka_log_t *log = open_log(path, &dir);
    for (int32_t i = 0; i < RECORDS_PER_WRITER; i++) {
        const note_t note = {writer, i};
        const ckafka_record_t record = {.value = {&note, sizeof note}, .ts = -1};
        int64_t offset;
        must(ckafka_append(log, &record, 1, &offset), "appending");
    }
    close_log(log, dir);
}

/* Reads all notes; whether each writer's are whole and in order. */
static int are_in_order(ckafka_log_t *log)
{
    int32_t next[WRITER_COUNT] = {0};
    ckafka_reader_t *reader;
    ckafka_view_t *view;
    int is_right = 1;
    must(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader), "opening a reader");
    while (ckafka_reader_fetch(reader, 65536, 0, &view) == CKAFKA_OK) {
        const ckafka_rec_t *records;
        const void *base;
        size_t size, n;
        must(ckafka_view_base(view, &base, &size), "the memory of the view");
        must(ckafka_view_records(view, &records, &n), "the records of the view");
        for (size_t i = 0; i < n; i++) {
            note_t note;
            memcpy(&note, (const char *)base + records[i].val_pos, sizeof note);
            is_right &= note.number == next[note.writer]++;
        }
        ckafka_view_release(view);
    }
    must(ckafka_reader_close(reader), "closing the reader");
    for (int i = 0; i < WRITER_COUNT; i++)
        is_right &= next[i] == RECORDS_PER_WRITER;
    return is_right;
}

int main(int argc, char **argv)
{
    int failures = 0, status;
    ckafka_t *dir;

    if (argc != 2) {
        fprintf(stderr, "usage: writers DIRECTORY\n");
        return 2;
    }
    for (int32_t i = 0; i < WRITER_COUNT; i++)
        if (fork() == 0) {
            write_notes(argv[1], i);
            exit(0);
        }
    while (wait(&status) > 0)
        failures += status != 0;
    ckafka_log_t *log = open_log(argv[1], &dir);
    const int is_right = are_in_order(log);
    printf("%d processes, %d records each: %s\n", WRITER_COUNT, RECORDS_PER_WRITER, is_right ? "all there, in order" : "WRONG");
    close_log(log, dir);
    return failures == 0 && is_right ? 0 : 1;
}
