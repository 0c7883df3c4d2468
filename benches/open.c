/*
 * How long a directory that was closed cleanly takes to open.
 *
 * make    appends `mib` MiB in batches of nearly a MiB, and closes cleanly
 * ckafka  ckafka_open, ckafka_log_open and the first look at the watermarks; then closes cleanly again
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>

#define VALUE_SIZE (100 * 1024)
#define VALUES_A_BATCH 10

static void make(const args_t *args)
{
    uint64_t wanted = (uint64_t)args_number(args, "mib", 1) * MIB;
    bench_log_t log = log_open(args->folder, NULL);
    unsigned char *value = malloc(VALUE_SIZE);
    memset(value, 'v', VALUE_SIZE);
    ckafka_record_t records[VALUES_A_BATCH];
    for (int i = 0; i < VALUES_A_BATCH; i++)
        records[i] = (ckafka_record_t){.value = {value, VALUE_SIZE}, .ts = -1};
    int64_t base = 0;
    for (uint64_t done = 0; done < wanted; done += VALUE_SIZE * VALUES_A_BATCH) {
        check(ckafka_append(log.log, records, VALUES_A_BATCH, &base), "ckafka_append");
        /* What is to be synced never grows past what the disk writes in a moment. */
        if (base % 640 == 0)
            check(ckafka_sync(log.directory), "ckafka_sync");
    }
    free(value);
    log_close(&log);
    emit_begin();
    emit_number("end", (double)(base + VALUES_A_BATCH));
    emit_end();
}

static void open_once(const args_t *args)
{
    ckafka_t *directory;
    ckafka_log_t *log;
    int64_t low, end, durable;
    uint64_t begun = now_ns();
    check(ckafka_open(args->folder, NULL, 0, &directory), "ckafka_open");
    check(ckafka_log_open(directory, TOPIC, 0, &log), "ckafka_log_open");
    check(ckafka_watermarks(directory, TOPIC, 0, &low, &end, &durable), "ckafka_watermarks");
    uint64_t opened = now_ns();
    check(ckafka_log_close(log), "ckafka_log_close");
    check(ckafka_close(directory), "ckafka_close");
    uint64_t closed = now_ns();
    emit_begin();
    emit_number("ns", (double)(opened - begun));
    emit_number("close_ns", (double)(closed - opened));
    emit_number("end", (double)end);
    emit_end();
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    pin(0);
    if (args_is(&args, "make"))
        make(&args);
    else
        open_once(&args);
    return 0;
}
