/* One whole life of a log, from opening to closing, touching every group of calls, to be lived in places that a library
 * is not asked into every day. */
#ifndef LIFE_H
#define LIFE_H

#include "../check.h"
#include <fcntl.h>
#include <unistd.h>

typedef struct {
    ckafka_t *dir;
    ckafka_log_t *log;
    ckafka_reader_t *reader;
    ckafka_sender_t *sender;
    ckafka_batch_t *batch;
    ckafka_view_t *view;
    int null_fd;
} life_t;

/* Calls again while signals interrupt; what the call has published by then is not published twice by callers, as they
 * pass calls that may be repeated only. */
#define AGAIN(err, call)                                                                                               \
    do {                                                                                                               \
        err = (call);                                                                                                  \
    } while (err == CKAFKA_ERR__INTERRUPTED)

static ckafka_err_t life_open(life_t *life, const char *path, const char *codec)
{
    ckafka_err_t err;
    ckafka_conf_t *conf = ckafka_conf_new();
    memset(life, 0, sizeof *life);
    life->null_fd = -1;
    if (!conf)
        return CKAFKA_ERR__NO_MEMORY;
    err = ckafka_conf_set(conf, "compression.type", codec);
    if (!err)
        AGAIN(err, ckafka_open(path, NULL, CKAFKA_OPEN_CREATE, &life->dir));
    if (!err)
        AGAIN(err, ckafka_topic_create(life->dir, "life", 1, conf));
    if (err == CKAFKA_ERR_TOPIC_ALREADY_EXISTS)
        err = CKAFKA_OK;
    ckafka_conf_free(conf);
    if (!err)
        AGAIN(err, ckafka_log_open(life->dir, "life", 0, &life->log));
    if (!err)
        AGAIN(err, ckafka_reader_open(life->log, CKAFKA_START_EARLIEST, NULL, &life->reader));
    if (!err)
        AGAIN(err, ckafka_sender_open(life->log, CKAFKA_START_EARLIEST, &life->sender));
    if (!err)
        err = ckafka_batch_new(life->log, 0, &life->batch);
    return err;
}

static ckafka_err_t life_append(life_t *life)
{
    const ckafka_record_t record = make_record("key", "value value value value value value value", -1);
    int64_t offset = -1;
    ckafka_err_t err = ckafka_append(life->log, &record, 1, &offset);
    for (int i = 0; i < 50 && !err; i++)
        err = ckafka_batch_add(life->batch, &record);
    if (!err)
        err = ckafka_batch_append(life->batch, &offset);
    if (!err)
        err = ckafka_append_durable(life->log, &record, 1, 20000, &offset);
    while (err == CKAFKA_ERR__INTERRUPTED)
        err = ckafka_wait_durable(life->log, offset, 20000);
    if (!err)
        err = ckafka_pretouch(life->log);
    return err;
}

static ckafka_err_t life_read(life_t *life)
{
    const ckafka_rec_t *rows;
    ckafka_columns_t columns = {.struct_size = sizeof columns};
    const void *raw;
    size_t n, len, consumed;
    int64_t offset, ts;
    ckafka_view_t *copy = NULL;
    ckafka_err_t err;
    AGAIN(err, ckafka_reader_seek(life->reader, 0));
    if (!err)
        AGAIN(err, ckafka_reader_fetch(life->reader, 4096, 1000, &life->view));
    if (!err)
        err = ckafka_view_records(life->view, &rows, &n);
    if (!err)
        err = ckafka_view_columns(life->view, &columns);
    if (!err)
        err = ckafka_view_raw(life->view, &raw, &len);
    if (!err)
        err = ckafka_view_decode(raw, len, 1 << 20, &copy, &consumed);
    ckafka_view_release(copy);
    ckafka_view_release(life->view);
    life->view = NULL;
    if (!err)
        AGAIN(err, ckafka_reader_seek_time(life->reader, 0));
    if (!err)
        AGAIN(err, ckafka_offset_for_time(life->log, 0, &offset, &ts));
    return err;
}

static ckafka_err_t life_ask(life_t *life)
{
    char *json = NULL;
    int64_t low, end, durable;
    uint64_t sent = 0;
    int fd;
    ckafka_err_t err = ckafka_stats(life->dir, &json);
    if (!err) {
        ckafka_free(json);
        err = ckafka_recovery_report(life->dir, &json);
    }
    if (!err) {
        ckafka_free(json);
        err = ckafka_topic_list(life->dir, &json);
    }
    if (!err) {
        ckafka_free(json);
        AGAIN(err, ckafka_watermarks(life->dir, "life", 0, &low, &end, &durable));
    }
    if (!err)
        AGAIN(err, ckafka_sync(life->dir));
    if (!err)
        err = ckafka_reader_fd(life->reader, &fd);
    if (!err)
        err = ckafka_durable_fd(life->log, &fd);
    life->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (!err && life->null_fd >= 0)
        AGAIN(err, ckafka_send(life->sender, life->null_fd, 1 << 20, 0, &sent));
    return err;
}

static ckafka_err_t life_close(life_t *life)
{
    ckafka_err_t err = CKAFKA_OK;
    if (life->null_fd >= 0)
        close(life->null_fd);
    ckafka_view_release(life->view);
    ckafka_batch_free(life->batch);
    if (life->sender)
        err = ckafka_sender_close(life->sender);
    if (life->reader && !err)
        err = ckafka_reader_close(life->reader);
    if (life->log && !err)
        err = ckafka_log_close(life->log);
    if (life->dir && !err)
        err = ckafka_close(life->dir);
    return err;
}

/* The whole of it: the first error, or 0. Whatever happens, all is closed at the end. */
static ckafka_err_t life(const char *path, const char *codec)
{
    life_t life;
    ckafka_err_t closed, err = life_open(&life, path, codec);
    if (!err)
        err = life_append(&life);
    if (!err)
        err = life_read(&life);
    if (!err)
        err = life_ask(&life);
    if (err)
        fprintf(stderr, "  %s\n", ckafka_errmsg());
    closed = life_close(&life);
    return err ? err : closed;
}

#endif
