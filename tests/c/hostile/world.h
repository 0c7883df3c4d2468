/* A directory with a topic and one of everything that the C API can open, to pull one argument at a time out of place.
 * Results go to `out`, which is marked before each call: a call that fails must leave it alone. */
#ifndef WORLD_H
#define WORLD_H

#include "../check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define HANG_SECONDS 20
#define MARK 0x5A

/* What the call under test may answer: an exact code, or anything at all. */
#define ANYTHING INT32_MAX

typedef struct {
    char *text;
    uint64_t unsigned_number;
    int64_t number;
    size_t size;
    int fd;
    const void *bytes;
    const ckafka_rec_t *rows;
    ckafka_slice_t slice;
    ckafka_t *dir;
    ckafka_log_t *log;
    ckafka_reader_t *reader;
    ckafka_sender_t *sender;
    ckafka_batch_t *batch;
    ckafka_view_t *view;
} results_t;

typedef struct {
    const char *path;
    ckafka_t *dir;
    ckafka_log_t *log, *closed;
    ckafka_reader_t *reader;
    ckafka_sender_t *sender;
    ckafka_batch_t *batch;
    ckafka_conf_t *conf;
    ckafka_view_t *view;
    ckafka_record_t record;
    ckafka_columns_t columns;
    unsigned char *raw; /* a ready batch, aligned as malloc does */
    size_t raw_len, len, cursor, fields_len;
    int32_t lens[1];
    char buf[64];
    unsigned char fields[64];
    int null_fd;
    results_t out, marked;
} world_t;

static char long_text[70000];

static void world_open(world_t *w)
{
    const void *raw;
    WORKS(ckafka_open(w->path, NULL, CKAFKA_OPEN_CREATE, &w->dir));
    WORKS(ckafka_log_open(w->dir, "topic", 0, &w->closed));
    WORKS(ckafka_log_close(w->closed));
    WORKS(ckafka_log_open(w->dir, "topic", 0, &w->log));
    WORKS(ckafka_reader_open(w->log, CKAFKA_START_EARLIEST, NULL, &w->reader));
    WORKS(ckafka_reader_fetch(w->reader, 1, 0, &w->view));
    WORKS(ckafka_reader_seek(w->reader, 0));
    WORKS(ckafka_sender_open(w->log, CKAFKA_START_EARLIEST, &w->sender));
    WORKS(ckafka_batch_new(w->log, 4096, &w->batch));
    WORKS(ckafka_batch_add(w->batch, &w->record));
    w->conf = ckafka_conf_new();
    HOLDS(w->conf);
    WORKS(ckafka_view_raw(w->view, &raw, &w->raw_len));
    w->raw = malloc(w->raw_len);
    HOLDS(w->raw);
    memcpy(w->raw, raw, w->raw_len);
}

static void world_close(world_t *w)
{
    free(w->raw);
    ckafka_view_release(w->view);
    ckafka_conf_free(w->conf);
    ckafka_batch_free(w->batch);
    /* What the call under test has closed is closed. */
    ckafka_sender_close(w->sender);
    ckafka_reader_close(w->reader);
    ckafka_log_close(w->log);
    ckafka_topic_delete(w->dir, "fresh");
    ckafka_close(w->dir);
}

static void world_make(world_t *w, const char *path)
{
    int64_t offset;
    memset(w, 0, sizeof *w);
    memset(&w->marked, MARK, sizeof w->marked);
    memset(long_text, 'a', sizeof long_text - 1);
    w->path = path;
    w->record = make_record("key", "value", 1);
    w->lens[0] = 1;
    w->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    NEEDS(ckafka_headers_append(w->fields, sizeof w->fields, "name", "value", 5, &w->fields_len));
    NEEDS(ckafka_open(path, NULL, CKAFKA_OPEN_CREATE, &w->dir));
    NEEDS(ckafka_topic_create(w->dir, "topic", 1, NULL));
    NEEDS(ckafka_log_open(w->dir, "topic", 0, &w->log));
    for (int i = 0; i < 3; i++)
        NEEDS(ckafka_append_durable(w->log, &w->record, 1, -1, &offset));
    NEEDS(ckafka_log_close(w->log));
    NEEDS(ckafka_close(w->dir));
    world_open(w);
}

static void before(world_t *w)
{
    memset(&w->out, MARK, sizeof w->out);
    memset(&w->columns, 0, sizeof w->columns);
    w->columns.struct_size = sizeof w->columns;
    alarm(HANG_SECONDS);
}

/* Gives back what a call that succeeded handed out. */
static void give_back(world_t *w)
{
    results_t *out = &w->out, *marked = &w->marked;
    if (out->text != marked->text)
        ckafka_free(out->text);
    if (out->view != marked->view)
        ckafka_view_release(out->view);
    if (out->batch != marked->batch)
        ckafka_batch_free(out->batch);
    if (out->reader != marked->reader)
        WORKS(ckafka_reader_close(out->reader));
    if (out->sender != marked->sender)
        WORKS(ckafka_sender_close(out->sender));
    if (out->log != marked->log)
        WORKS(ckafka_log_close(out->log));
    if (out->dir != marked->dir)
        WORKS(ckafka_close(out->dir));
}

/* Judges the answer to a call with one argument out of place, and sets the world right again. */
static void after(world_t *w, const char *call, int value, int32_t found, int32_t expected)
{
    alarm(0);
    if (expected != ANYTHING && found != expected) {
        check_failures++;
        fprintf(stderr, "%s, value %d: found %s, expected %s\n", call, value, ckafka_strerror(found), ckafka_strerror(expected));
    }
    /* The two that publish and then wait write where they published, and say so in the header. */
    const int may_write = found == CKAFKA_ERR__TIMED_OUT || found == CKAFKA_ERR__INTERRUPTED || found == CKAFKA_ERR__AGAIN;
    if (found < 0 && !may_write && memcmp(&w->out, &w->marked, sizeof w->out) != 0) {
        check_failures++;
        fprintf(stderr, "%s, value %d: failed with %s and wrote a result\n", call, value, ckafka_strerror(found));
    }
    if (found < 0 && strlen(ckafka_errmsg()) == 0) {
        check_failures++;
        fprintf(stderr, "%s, value %d: failed without a message\n", call, value);
    }
    if (found >= 0) {
        give_back(w);
        world_close(w);
        world_open(w);
    }
}

#endif
