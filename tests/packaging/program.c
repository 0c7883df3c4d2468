/* A program as a user of an installed libckafka has one: appends a record to the directory that it is given, reads it
 * back and says so. */
#include <ckafka.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    ckafka_t *dir;
    ckafka_log_t *log;
    ckafka_reader_t *reader;
    ckafka_view_t *view;
    const ckafka_rec_t *records;
    const void *base;
    size_t count, size;
    int64_t offset;
    ckafka_record_t record = {{"key", 3}, {"value", 5}, {NULL, 0}, -1};
    if (argc != 2 || ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &dir) ||
        ckafka_topic_create(dir, "installed", 1, NULL) || ckafka_log_open(dir, "installed", 0, &log) ||
        ckafka_append_durable(log, &record, 1, -1, &offset) ||
        ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader) ||
        ckafka_reader_fetch(reader, 4096, 0, &view) || ckafka_view_base(view, &base, &size) ||
        ckafka_view_records(view, &records, &count)) {
        fprintf(stderr, "%s\n", ckafka_errmsg());
        return 1;
    }
    if (count != 1 || records[0].val_len != 5 || memcmp((const char *)base + records[0].val_pos, "value", 5) != 0)
        return 1;
    ckafka_view_release(view);
    if (ckafka_reader_close(reader) || ckafka_log_close(log) || ckafka_close(dir))
        return 1;
    printf("libckafka %s read what it wrote\n", ckafka_version_str());
    return 0;
}
