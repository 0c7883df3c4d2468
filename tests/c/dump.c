/*
 * dump DIRECTORY TOPIC: every record of partition 0, as the C API gives it: offset, time, size, value, one a line.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void must(ckafka_err_t err)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s\n", ckafka_errmsg());
    exit(1);
}

static void print_view(const ckafka_view_t *view)
{
    const void *base;
    const ckafka_rec_t *records;
    size_t size, count;
    must(ckafka_view_base(view, &base, &size));
    must(ckafka_view_records(view, &records, &count));
    for (size_t i = 0; i < count; i++) {
        const ckafka_rec_t *record = &records[i];
        if (record->key_len != -1 || record->hdr_len > 0 || record->val_len < 0)
            exit(1);
        printf("%" PRId64 " %" PRId64 " %" PRId32 " ", record->offset, record->ts, record->val_len);
        fwrite((const char *)base + record->val_pos, 1, (size_t)record->val_len, stdout);
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    ckafka_t *directory;
    ckafka_log_t *log;
    ckafka_reader_t *reader;
    ckafka_view_t *view;
    if (argc != 3)
        return 2;
    must(ckafka_open(argv[1], NULL, CKAFKA_OPEN_RDONLY, &directory));
    must(ckafka_log_open(directory, argv[2], 0, &log));
    must(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader));
    for (;;) {
        const ckafka_err_t err = ckafka_reader_fetch(reader, 1 << 20, 0, &view);
        if (err == CKAFKA_ERR__TIMED_OUT)
            break;
        must(err);
        print_view(view);
        ckafka_view_release(view);
    }
    must(ckafka_reader_close(reader));
    must(ckafka_log_close(log));
    must(ckafka_close(directory));
    return 0;
}
