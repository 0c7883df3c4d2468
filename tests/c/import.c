/* What ckafka_compat_import refuses writes nothing and appends nothing; what it took over is durable when it returns.
 * Called with a folder for data; the old log is put there first. */
#include "check.h"
#include <ckafka_compat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A record of "first", as zlib writes it. */
static const unsigned char RECORD[] = {13,   0,    0,    0,    0x78, 0x9c, 0x4b, 0xcb, 0x2c,
                                       0x2a, 0x2e, 0x01, 0x00, 0x06, 0x57, 0x02, 0x29};

static void write_log(const char *path)
{
    FILE *file = fopen(path, "wb");
    HOLDS(file && fwrite(RECORD, sizeof RECORD, 1, file) == 1 && fclose(file) == 0);
}

static void refuses(ckafka_log_t *log, const char *path)
{
    int64_t count = -7;
    char *report = (char *)&count;
    GIVES(ckafka_compat_import(NULL, path, 0, &count, &report), CKAFKA_ERR__BAD_HANDLE);
    GIVES(ckafka_compat_import(log, NULL, 0, &count, &report), CKAFKA_ERR__INVALID_ARG);
    GIVES(ckafka_compat_import(log, path, 0, NULL, &report), CKAFKA_ERR__INVALID_ARG);
    GIVES(ckafka_compat_import(log, path, 2, &count, &report), CKAFKA_ERR__INVALID_ARG);
    GIVES(ckafka_compat_import(log, "", 0, &count, &report), CKAFKA_ERR__INVALID_ARG);
    GIVES(ckafka_compat_import(log, "/", 0, &count, &report), CKAFKA_ERR__INVALID_ARG);
    GIVES(ckafka_compat_import(log, "/dev/null", 0, &count, &report), CKAFKA_ERR__IO);
    HOLDS(mkfifo("pipe.log", 0600) == 0);
    GIVES(ckafka_compat_import(log, "pipe.log", 0, &count, &report), CKAFKA_ERR__IO);
    GIVES(ckafka_compat_import(log, ".", 0, &count, &report), CKAFKA_ERR__IO);
    EQUALS(count, -7);
    HOLDS(report == (char *)&count);
}

int main(int argc, char **argv)
{
    ckafka_t *directory;
    ckafka_log_t *log;
    int64_t low, end, durable, count;
    HOLDS(argc == 2 && mkdir(argv[1], 0755) == 0 && chdir(argv[1]) == 0);
    write_log("old.log");
    WORKS(ckafka_open("data", NULL, CKAFKA_OPEN_CREATE, &directory));
    WORKS(ckafka_topic_create(directory, "orders", 1, NULL));
    WORKS(ckafka_log_open(directory, "orders", 0, &log));
    refuses(log, "old.log");
    WORKS(ckafka_watermarks(directory, "orders", 0, &low, &end, &durable));
    EQUALS(end, 0);

    WORKS(ckafka_compat_import(log, "old.log", 0, &count, NULL));
    EQUALS(count, 1);
    WORKS(ckafka_watermarks(directory, "orders", 0, &low, &end, &durable));
    HOLDS(end == 1 && durable == 1);
    WORKS(ckafka_log_close(log));
    GIVES(ckafka_compat_import(log, "old.log", 0, &count, NULL), CKAFKA_ERR__BAD_HANDLE);
    WORKS(ckafka_close(directory));

    WORKS(ckafka_open("data", NULL, CKAFKA_OPEN_RDONLY, &directory));
    WORKS(ckafka_log_open(directory, "orders", 0, &log));
    GIVES(ckafka_compat_import(log, "old.log", 0, &count, NULL), CKAFKA_ERR__READONLY);
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_close(directory));
    return check_result("import");
}
