/*
 * What a log costs while it lives: memory over a long run, and the disk of a partition that is empty.
 *
 * flat   appends `mib` MiB in batches of a hundred 100-byte records, a reader right behind; twenty times on the way:
 *        anonymous memory, mapped file pages, descriptors and mappings of the process. segment_mib
 * empty  disk space of an open partition's folder without a record, with one record, and closed again
 */
#include "common.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SAMPLES 20
#define RECORDS_A_BATCH 100
#define VALUE_SIZE 100

static uint64_t status_kib(const char *name)
{
    char line[256];
    uint64_t value = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name) + 1, NULL, 10);
    if (status)
        fclose(status);
    return value;
}

static uint64_t count_lines(const char *path)
{
    uint64_t lines = 0;
    FILE *file = fopen(path, "r");
    for (int c; file && (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    if (file)
        fclose(file);
    return lines;
}

static uint64_t count_entries(const char *path)
{
    uint64_t count = 0;
    DIR *entries = opendir(path);
    while (entries && readdir(entries))
        count++;
    if (entries)
        closedir(entries);
    return count;
}

static uint64_t disk_bytes(const char *folder)
{
    char path[4096];
    uint64_t bytes = 0;
    struct stat stat_of;
    snprintf(path, sizeof path, "%s/" TOPIC "-0", folder);
    DIR *entries = opendir(path);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char name[8192];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, "..") != 0 && lstat(name, &stat_of) == 0)
            bytes += (uint64_t)stat_of.st_blocks * 512;
    }
    if (entries)
        closedir(entries);
    return bytes;
}

static void read_behind(ckafka_reader_t *reader, int64_t until)
{
    int64_t position = 0;
    while (position < until) {
        ckafka_view_t *view;
        const ckafka_rec_t *records;
        size_t count;
        check(ckafka_reader_fetch(reader, MIB, 0, &view), "ckafka_reader_fetch");
        check(ckafka_view_records(view, &records, &count), "ckafka_view_records");
        position = records[count - 1].offset + 1;
        ckafka_view_release(view);
    }
}

static void emit_sample(char *text, size_t size, size_t *length)
{
    *length += (size_t)snprintf(
        text + *length, size - *length, "%s{\"anon_kib\":%llu,\"file_kib\":%llu,\"fds\":%llu,\"maps\":%llu}",
        *length > 1 ? "," : "", (unsigned long long)status_kib("RssAnon:"), (unsigned long long)status_kib("RssFile:"),
        (unsigned long long)count_entries("/proc/self/fd"), (unsigned long long)count_lines("/proc/self/maps"));
}

static void run_flat(const args_t *args)
{
    char segment_bytes[32], text[SAMPLES * 128] = "[";
    size_t length = 1;
    snprintf(segment_bytes, sizeof segment_bytes, "%lld", (long long)args_number(args, "segment_mib", 64) << 20);
    bench_log_t log = log_open(args->folder, (const char *const[]){"segment.bytes", segment_bytes, NULL});
    ckafka_reader_t *reader;
    check(ckafka_reader_open(log.log, CKAFKA_START_EARLIEST, NULL, &reader), "ckafka_reader_open");
    unsigned char value[VALUE_SIZE] = {'v'};
    ckafka_record_t records[RECORDS_A_BATCH];
    for (int i = 0; i < RECORDS_A_BATCH; i++)
        records[i] = (ckafka_record_t){.value = {value, sizeof value}, .ts = -1};
    uint64_t batches = (uint64_t)args_number(args, "mib", 1024) * MIB / sizeof value / RECORDS_A_BATCH;
    for (int sample = 1; sample <= SAMPLES; sample++) {
        for (uint64_t i = batches * (uint64_t)(sample - 1) / SAMPLES; i < batches * (uint64_t)sample / SAMPLES; i++) {
            int64_t base;
            check(ckafka_append(log.log, records, RECORDS_A_BATCH, &base), "ckafka_append");
            if (i % 64 == 0)
                read_behind(reader, base + RECORDS_A_BATCH);
        }
        /* As a program that means to keep its records does now and then. */
        check(ckafka_sync(log.directory), "ckafka_sync");
        emit_sample(text, sizeof text, &length);
    }
    snprintf(text + length, sizeof text - length, "]");
    emit_begin();
    emit_number("rolls", (double)log_stat(&log, "rolls"));
    emit_text("samples", text);
    emit_end();
    check(ckafka_reader_close(reader), "ckafka_reader_close");
    log_close(&log);
}

static void run_empty(const args_t *args)
{
    bench_log_t log = log_open(args->folder, NULL);
    emit_begin();
    emit_number("empty", (double)disk_bytes(args->folder));
    unsigned char value[VALUE_SIZE] = {'v'};
    ckafka_record_t record = {.value = {value, sizeof value}, .ts = -1};
    int64_t base;
    check(ckafka_append_durable(log.log, &record, 1, -1, &base), "ckafka_append_durable");
    emit_number("one_record", (double)disk_bytes(args->folder));
    log_close(&log);
    emit_number("closed", (double)disk_bytes(args->folder));
    emit_end();
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    pin(0);
    if (args_is(&args, "flat"))
        run_flat(&args);
    else
        run_empty(&args);
    return 0;
}
