/*
 * Appends records of one size, one or many a call, and reads them back to see that they are there.
 *
 * bare          length, CRC-32C and bytes of each record copied into a map that was populated before
 * bare-growing  the same, but the file grows while it runs: a MiB of zeroes by pwrite, then populated, as a log must
 * ckafka        ckafka_append; it grows while it runs too
 *
 * Time is taken in strides of some calls: the middle stride is the common path, the sum is everything.
 * records, size, batch, touch_mib; ckafka: pretouch, verify (0 leaves the look at the result out, for a profile)
 */
#include "common.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define STRIDE_RECORDS 64
#define FRAME_HEADER 8

typedef struct {
    uint64_t records, size, batch;
} load_t;

typedef struct {
    uint64_t *ns, count, total_ns;
} strides_t;

static uint64_t calls_per_stride(const load_t *load)
{
    return load->batch >= STRIDE_RECORDS ? 1 : STRIDE_RECORDS / load->batch;
}

static strides_t strides_new(const load_t *load)
{
    uint64_t calls = load->records / load->batch;
    return (strides_t){.ns = calloc(calls / calls_per_stride(load) + 2, sizeof(uint64_t))};
}

static void emit(const load_t *load, strides_t *strides, uint64_t growths, uint64_t log_bytes)
{
    uint64_t per_stride = calls_per_stride(load) * load->batch;
    emit_begin();
    emit_number("records", (double)load->records);
    emit_number("bytes", (double)(load->records * load->size));
    emit_number("ns", (double)strides->total_ns);
    emit_number("ns_per_record", (double)strides->total_ns / (double)load->records);
    emit_number("common_ns_per_record", (double)median(strides->ns, strides->count) / (double)per_stride);
    emit_number("growths", (double)growths);
    emit_number("log_bytes_per_record", (double)log_bytes / (double)load->records);
    emit_end();
}

/* Appends one frame; inlined into both loops. */
static inline unsigned char *put_frame(unsigned char *at, const unsigned char *value, uint32_t size)
{
    uint32_t head[2] = {size, crc32c(value, size)};
    memcpy(at, head, sizeof head);
    memcpy(at + FRAME_HEADER, value, size);
    return at + FRAME_HEADER + size;
}

static void verify_frames(const unsigned char *at, const load_t *load)
{
    for (uint64_t i = 0; i < load->records; i++, at += FRAME_HEADER + load->size) {
        uint32_t head[2];
        memcpy(head, at, sizeof head);
        if (head[0] != load->size || head[1] != crc32c(at + FRAME_HEADER, load->size) || load_u64(at + FRAME_HEADER) != i)
            die("frame %llu differs", (unsigned long long)i);
    }
}

/* Adds a MiB of zeroes to the file and populates it, as a log that grows must. */
static uint64_t grow(const mapped_t *map, uint64_t prepared)
{
    static unsigned char zeroes[MIB];
    if (pwrite(map->fd, zeroes, MIB, (off_t)prepared) != (ssize_t)MIB)
        die("pwrite");
    check_sys(madvise(map->bytes + prepared, MIB, MADV_POPULATE_WRITE), "madvise");
    return prepared + MIB;
}

static void run_bare(const args_t *args, const load_t *load)
{
    uint64_t size = load->records * (FRAME_HEADER + load->size) + 4 * MIB, growths = 0;
    uint64_t prepared = args_is(args, "bare-growing") ? 2 * MIB : size;
    mapped_t map = map_zeroed(args->folder, "frames", size, prepared);
    unsigned char *value = aligned_alloc(64, (load->size + 63) / 64 * 64), *at = map.bytes;
    memset(value, 'v', load->size);
    strides_t strides = strides_new(load);
    uint64_t stride = calls_per_stride(load) * load->batch, begun = now_ns(), last = begun;
    for (uint64_t i = 0; i < load->records;) {
        uint64_t until = i + stride < load->records ? i + stride : load->records;
        for (; i < until; i++) {
            store_u64(value, i);
            at = put_frame(at, value, (uint32_t)load->size);
            if (__builtin_expect((uint64_t)(at - map.bytes) + 2 * MIB > prepared && prepared < size, 0)) {
                prepared = grow(&map, prepared);
                growths++;
            }
        }
        uint64_t now = now_ns();
        strides.ns[strides.count++] = now - last;
        last = now;
    }
    strides.total_ns = now_ns() - begun;
    verify_frames(map.bytes, load);
    emit(load, &strides, growths, (uint64_t)(at - map.bytes));
    map_drop(&map);
}

static void verify_log(const bench_log_t *log, const load_t *load)
{
    ckafka_reader_t *reader;
    check(ckafka_reader_open(log->log, CKAFKA_START_EARLIEST, NULL, &reader), "ckafka_reader_open");
    for (uint64_t seen = 0; seen < load->records;) {
        ckafka_view_t *view;
        const ckafka_rec_t *records;
        const void *base;
        size_t count, size;
        check(ckafka_reader_fetch(reader, MIB, 0, &view), "ckafka_reader_fetch");
        check(ckafka_view_base(view, &base, &size), "ckafka_view_base");
        check(ckafka_view_records(view, &records, &count), "ckafka_view_records");
        for (size_t i = 0; i < count; i++, seen++)
            if (records[i].offset != (int64_t)seen || records[i].val_len != (int32_t)load->size ||
                load_u64((const char *)base + records[i].val_pos) != seen)
                die("record %llu differs", (unsigned long long)seen);
        ckafka_view_release(view);
    }
    check(ckafka_reader_close(reader), "ckafka_reader_close");
}

static void run_ckafka(const args_t *args, const load_t *load)
{
    bench_log_t log = log_open(args->folder, (const char *const[]){"ckafka.pretouch.cpu", "1", NULL});
    if (args_number(args, "pretouch", 0))
        check(ckafka_io_threads_start(log.directory, CKAFKA_IO_PRETOUCH), "ckafka_io_threads_start");
    unsigned char *values = malloc(load->batch * load->size);
    memset(values, 'v', load->batch * load->size);
    ckafka_record_t *records = calloc(load->batch, sizeof *records);
    for (uint64_t i = 0; i < load->batch; i++)
        records[i] = (ckafka_record_t){.value = {values + i * load->size, load->size}, .ts = -1};
    strides_t strides = strides_new(load);
    uint64_t stride = calls_per_stride(load), calls = load->records / load->batch, growths = log_stat(&log, "growths");
    uint64_t begun = now_ns(), last = begun, number = 0;
    for (uint64_t call = 0; call < calls;) {
        uint64_t until = call + stride < calls ? call + stride : calls;
        for (; call < until; call++) {
            int64_t base;
            for (uint64_t i = 0; i < load->batch; i++)
                store_u64(values + i * load->size, number++);
            check(ckafka_append(log.log, records, load->batch, &base), "ckafka_append");
        }
        uint64_t now = now_ns();
        strides.ns[strides.count++] = now - last;
        last = now;
    }
    strides.total_ns = now_ns() - begun;
    growths = log_stat(&log, "growths") - growths;
    if (args_number(args, "verify", 1))
        verify_log(&log, load);
    emit(load, &strides, growths, log_stat(&log, "bytes"));
    log_close(&log);
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    load_t load = {
        .records = (uint64_t)args_number(&args, "records", 1000000),
        .size = (uint64_t)args_number(&args, "size", 100),
        .batch = (uint64_t)args_number(&args, "batch", 1),
    };
    load.records -= load.records % load.batch;
    touch_memory((uint64_t)args_number(&args, "touch_mib", 0) * MIB);
    pin(0);
    if (args_is(&args, "ckafka"))
        run_ckafka(&args, &load);
    else
        run_bare(&args, &load);
    return 0;
}
