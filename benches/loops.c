/* The loops over a log in C: by rows and by columns of each view. */
#include "loops.h"

void sum_rows(ckafka_view_t *view, const unsigned char *base, seen_t *seen)
{
    const ckafka_rec_t *records;
    size_t count;
    check(ckafka_view_records(view, &records, &count), "ckafka_view_records");
    for (size_t i = 0; i < count; i++) {
        size_t size = (size_t)records[i].val_len;
        seen->sum += sum_bytes(base + records[i].val_pos, size);
        seen->bytes += size;
    }
    seen->records += count;
}

void sum_columns(ckafka_view_t *view, const unsigned char *base, seen_t *seen)
{
    ckafka_columns_t columns = {.struct_size = sizeof columns};
    check(ckafka_view_columns(view, &columns), "ckafka_view_columns");
    for (size_t i = 0; i < columns.count; i++) {
        size_t size = (size_t)columns.val_len[i];
        seen->sum += sum_bytes(base + columns.val_pos[i], size);
        seen->bytes += size;
    }
    seen->records += columns.count;
}

seen_t one_pass(ckafka_reader_t *reader, uint64_t end, void (*sum)(ckafka_view_t *, const unsigned char *, seen_t *))
{
    seen_t seen = {0};
    check(ckafka_reader_seek(reader, 0), "ckafka_reader_seek");
    while (seen.records < end) {
        ckafka_view_t *view;
        const void *base;
        size_t size;
        check(ckafka_reader_fetch(reader, FETCH_BYTES, 0, &view), "ckafka_reader_fetch");
        check(ckafka_view_base(view, &base, &size), "ckafka_view_base");
        sum(view, base, &seen);
        ckafka_view_release(view);
    }
    return seen;
}
