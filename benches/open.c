/*
 * How long a directory that was closed cleanly takes to open.
 *
 * make    appends `mib` MiB in batches of nearly a MiB, and closes cleanly
 * ckafka  ckafka_open, ckafka_log_open and the first look at the watermarks; then closes cleanly again
 * make-partitions, partitions
 *         the same with a topic of `partitions` partitions, a record in each
 */
#include "common.h"

#include <dirent.h>
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

static void make_partitions(const args_t *args, int32_t partitions)
{
    ckafka_t *directory;
    int64_t base;
    ckafka_record_t record = {.value = {"v", 1}, .ts = -1};
    check(ckafka_open(args->folder, NULL, CKAFKA_OPEN_CREATE, &directory), "ckafka_open");
    check(ckafka_topic_create(directory, TOPIC, partitions, NULL), "ckafka_topic_create");
    for (int32_t partition = 0; partition < partitions; partition++) {
        ckafka_log_t *log;
        check(ckafka_log_open(directory, TOPIC, partition, &log), "ckafka_log_open");
        check(ckafka_append(log, &record, 1, &base), "ckafka_append");
        check(ckafka_log_close(log), "ckafka_log_close");
    }
    check(ckafka_close(directory), "ckafka_close");
    emit_begin();
    emit_number("partitions", partitions);
    emit_end();
}

static uint64_t resident_kib(void)
{
    char line[256];
    uint64_t kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    if (status)
        fclose(status);
    return kib;
}

static int descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static void open_partitions(const args_t *args, int32_t partitions)
{
    ckafka_t *directory;
    ckafka_log_t **logs = calloc((size_t)partitions, sizeof(ckafka_log_t *));
    int64_t base;
    ckafka_record_t record = {.value = {"v", 1}, .ts = -1};
    uint64_t begun = now_ns();
    check(ckafka_open(args->folder, NULL, 0, &directory), "ckafka_open");
    for (int32_t partition = 0; partition < partitions; partition++)
        check(ckafka_log_open(directory, TOPIC, partition, &logs[partition]), "ckafka_log_open");
    uint64_t opened = now_ns();
    /* Memory is judged in use: with an append to each. */
    for (int32_t partition = 0; partition < partitions; partition++)
        check(ckafka_append(logs[partition], &record, 1, &base), "ckafka_append");
    uint64_t kib = resident_kib();
    int fds = descriptors();
    for (int32_t partition = 0; partition < partitions; partition++)
        check(ckafka_log_close(logs[partition]), "ckafka_log_close");
    check(ckafka_close(directory), "ckafka_close");
    free(logs);
    emit_begin();
    emit_number("ns", (double)(opened - begun));
    emit_number("resident_kib", (double)kib);
    emit_number("fds", fds);
    emit_end();
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    pin(0);
    if (args_is(&args, "make"))
        make(&args);
    else if (args_is(&args, "make-partitions"))
        make_partitions(&args, (int32_t)args_number(&args, "partitions", 1000));
    else if (args_is(&args, "partitions"))
        open_partitions(&args, (int32_t)args_number(&args, "partitions", 1000));
    else
        open_once(&args);
    return 0;
}
