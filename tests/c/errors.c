/* Wrong input through the C API: each gets its own number and a message that names it, and the log is as before. */
#include "check.h"

#define SAYS(word) check_true(__FILE__, __LINE__, ckafka_errmsg(), strstr(ckafka_errmsg(), word) != NULL)

static void configuration(void)
{
    ckafka_conf_t *conf = ckafka_conf_new(), *copy;
    char buf[8];
    size_t len = sizeof buf;
    GIVES(ckafka_conf_set(conf, "segment.byte", "4096"), CKAFKA_ERR_INVALID_CONFIG);
    SAYS("segment.byte");
    SAYS("did you mean segment.bytes");
    GIVES(ckafka_conf_set(conf, "segment.bytes", "5"), CKAFKA_ERR_INVALID_CONFIG);
    SAYS("1024");
    GIVES(ckafka_conf_set(conf, "cleanup.policy", "shred"), CKAFKA_ERR_INVALID_CONFIG);
    SAYS("compact");
    WORKS(ckafka_conf_set(conf, "segment.bytes", "4096"));
    WORKS(ckafka_conf_get(conf, "segment.bytes", buf, &len));
    HOLDS(len == 5 && strcmp(buf, "4096") == 0);
    len = 4;
    GIVES(ckafka_conf_get(conf, "segment.bytes", buf, &len), CKAFKA_ERR__TRUNCATED);
    EQUALS(len, 5);
    len = 0;
    GIVES(ckafka_conf_get(conf, "retention.ms", NULL, &len), CKAFKA_ERR__TRUNCATED);
    EQUALS(len, sizeof "604800000");
    copy = ckafka_conf_dup(conf);
    ckafka_conf_free(conf);
    len = sizeof buf;
    WORKS(ckafka_conf_get(copy, "segment.bytes", buf, &len));
    HOLDS(strcmp(buf, "4096") == 0);
    ckafka_conf_free(copy);
}

static void topics(ckafka_t *h)
{
    ckafka_log_t *log = NULL;
    int64_t low, end, durable;
    WORKS(ckafka_topic_create(h, "topic", 1, NULL));
    GIVES(ckafka_topic_create(h, "topic", 1, NULL), CKAFKA_ERR_TOPIC_ALREADY_EXISTS);
    GIVES(ckafka_topic_create(h, "no/topic", 1, NULL), CKAFKA_ERR_INVALID_TOPIC);
    SAYS("no/topic");
    GIVES(ckafka_topic_create(h, "", 1, NULL), CKAFKA_ERR_INVALID_TOPIC);
    GIVES(ckafka_topic_create(h, "none", 0, NULL), CKAFKA_ERR_INVALID_PARTITIONS);
    GIVES(ckafka_topic_delete(h, "none"), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    GIVES(ckafka_log_open(h, "none", 0, &log), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    GIVES(ckafka_log_open(h, "topic", 1, &log), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    GIVES(ckafka_log_open(h, "topic", -1, &log), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    GIVES(ckafka_watermarks(h, "none", 0, &low, &end, &durable), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    HOLDS(!log);
}

static void records(ckafka_t *h)
{
    ckafka_log_t *log = NULL;
    ckafka_conf_t *conf = ckafka_conf_new();
    ckafka_batch_t *batch = NULL;
    ckafka_record_t record = make_record("key", "value", -2), large = make_record(NULL, NULL, 1);
    ckafka_reader_t *reader = NULL;
    char bytes[400];
    int64_t base = -7;
    memset(bytes, 'x', sizeof bytes);
    large.value.data = bytes;
    large.value.len = sizeof bytes;
    WORKS(ckafka_conf_set(conf, "max.message.bytes", "300"));
    NEEDS(ckafka_topic_create(h, "small", 1, conf));
    ckafka_conf_free(conf);
    NEEDS(ckafka_log_open(h, "small", 0, &log));
    GIVES(ckafka_append(log, &record, 1, &base), CKAFKA_ERR_INVALID_TIMESTAMP);
    GIVES(ckafka_append(log, &large, 1, &base), CKAFKA_ERR_MESSAGE_TOO_LARGE);
    SAYS("max.message.bytes");
    NEEDS(ckafka_batch_new(log, 0, &batch));
    GIVES(ckafka_batch_add(batch, &record), CKAFKA_ERR_INVALID_TIMESTAMP);
    GIVES(ckafka_batch_add(batch, &large), CKAFKA_ERR_MESSAGE_TOO_LARGE);
    record.ts = 1;
    record.headers = text("no header");
    GIVES(ckafka_batch_add(batch, &record), CKAFKA_ERR_CORRUPT_MESSAGE);
    GIVES(ckafka_append(log, &record, 1, &base), CKAFKA_ERR_CORRUPT_MESSAGE);
    GIVES(ckafka_append_raw(log, bytes, 200, &base), CKAFKA_ERR_CORRUPT_MESSAGE);
    GIVES(ckafka_append_raw(log, bytes, 11, &base), CKAFKA_ERR_CORRUPT_MESSAGE);
    EQUALS(base, -7);
    record.headers.len = 0;
    WORKS(ckafka_batch_add(batch, &record));
    WORKS(ckafka_batch_append(batch, &base));
    EQUALS(base, 0);
    GIVES(ckafka_wait_durable(log, 1, 0), CKAFKA_ERR__TIMED_OUT);
    GIVES(ckafka_sync_request(log), CKAFKA_ERR_INVALID_CONFIG);
    GIVES(ckafka_reader_open(log, 2, NULL, &reader), CKAFKA_ERR_OFFSET_OUT_OF_RANGE);
    HOLDS(!reader);
    ckafka_batch_free(batch);
    WORKS(ckafka_log_close(log));
}

static void directories(const char *path)
{
    ckafka_t *h = NULL;
    char name[4096];
    FILE *file;
    snprintf(name, sizeof name, "%s-file", path);
    file = fopen(name, "w");
    if (!file || fclose(file))
        exit(2);
    GIVES(ckafka_open(name, NULL, CKAFKA_OPEN_CREATE, &h), CKAFKA_ERR__IO);
    SAYS("-file");
    snprintf(name, sizeof name, "%s-missing", path);
    GIVES(ckafka_open(name, NULL, 0, &h), CKAFKA_ERR__IO);
    SAYS("-missing");
    GIVES(ckafka_open(name, NULL, CKAFKA_OPEN_RDONLY, &h), CKAFKA_ERR__IO);
    HOLDS(!h);
}

/* A topic that is made without settings keeps none, whatever the directory was opened with. */
static void settings(const char *path)
{
    ckafka_conf_t *conf = ckafka_conf_new();
    ckafka_t *h = NULL;
    ckafka_log_t *log = NULL;
    ckafka_record_t large = make_record("key", NULL, 1);
    char bytes[400];
    char *json = NULL;
    int64_t base = -7;
    memset(bytes, 'x', sizeof bytes);
    large.value.data = bytes;
    large.value.len = sizeof bytes;
    WORKS(ckafka_conf_set(conf, "max.message.bytes", "300"));
    WORKS(ckafka_conf_set(conf, "flush.ms", "1000"));
    NEEDS(ckafka_open(path, conf, 0, &h));
    ckafka_conf_free(conf);
    NEEDS(ckafka_topic_create(h, "without", 1, NULL));
    WORKS(ckafka_close(h));
    NEEDS(ckafka_open(path, NULL, 0, &h));
    NEEDS(ckafka_log_open(h, "without", 0, &log));
    WORKS(ckafka_append(log, &large, 1, &base));
    WORKS(ckafka_topic_list(h, &json));
    HOLDS(json != NULL);
    ckafka_free(json);
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_close(h));
}

int main(int argc, char **argv)
{
    ckafka_t *h = NULL;
    if (argc != 2)
        return 2;
    HOLDS(strlen(ckafka_errmsg()) == 0);
    configuration();
    directories(argv[1]);
    NEEDS(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &h));
    topics(h);
    records(h);
    WORKS(ckafka_close(h));
    settings(argv[1]);
    return check_result("errors");
}
