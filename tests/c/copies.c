/* Two copies of the library in one process append to one partition at once: two writers that know nothing of each other. */
#include "check.h"
#include <dlfcn.h>
#include <pthread.h>

enum { COUNT = 5000 };

/* The calls of one copy. */
struct copy {
    char name;
    ckafka_err_t (*open)(const char *, const ckafka_conf_t *, uint32_t, ckafka_t **);
    ckafka_err_t (*log_open)(ckafka_t *, const char *, int32_t, ckafka_log_t **);
    ckafka_err_t (*append)(ckafka_log_t *, const ckafka_record_t *, size_t, int64_t *);
    ckafka_err_t (*append_durable)(ckafka_log_t *, const ckafka_record_t *, size_t, int32_t, int64_t *);
    ckafka_err_t (*log_close)(ckafka_log_t *);
    ckafka_err_t (*close)(ckafka_t *);
    ckafka_t *dir;
    ckafka_log_t *log;
};

static void *symbol(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "%s: %s\n", name, dlerror());
        exit(2);
    }
    return found;
}

#define FIND(copy, library, call) (*(void **)&(copy)->call = symbol(library, "ckafka_" #call))

static void find(struct copy *copy, const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s: %s\n", path, dlerror());
        exit(2);
    }
    FIND(copy, library, open);
    FIND(copy, library, log_open);
    FIND(copy, library, append);
    FIND(copy, library, append_durable);
    FIND(copy, library, log_close);
    FIND(copy, library, close);
}

/* The library that this program is linked to, copied: another file is another library to the linker. */
static void copy_library(const char *to)
{
    Dl_info info;
    char buffer[65536];
    size_t size;
    FILE *in, *out;
    ckafka_err_t (*close)(ckafka_t *) = ckafka_close;
    if (!dladdr(*(void **)&close, &info))
        exit(2);
    in = fopen(info.dli_fname, "rb");
    out = fopen(to, "wb");
    if (!in || !out)
        exit(2);
    while ((size = fread(buffer, 1, sizeof buffer, in)))
        if (fwrite(buffer, 1, size, out) != size)
            exit(2);
    if (fclose(in) || fclose(out))
        exit(2);
}

static void *append_all(void *argument)
{
    struct copy *copy = argument;
    int64_t before = -1, offset;
    int n;
    for (n = 0; n < COUNT && !check_failures; n++) {
        char value[400];
        ckafka_record_t record = make_record(NULL, value, -1);
        memset(value, '.', sizeof value);
        snprintf(value, sizeof value, "%c %d", copy->name, n);
        record.value.len = sizeof value;
        WORKS(n % 500 ? copy->append(copy->log, &record, 1, &offset) : copy->append_durable(copy->log, &record, 1, -1, &offset));
        HOLDS(offset > before);
        before = offset;
    }
    return NULL;
}

/* Each copy's records are there once and in their order. */
static void check_records(ckafka_log_t *log)
{
    ckafka_reader_t *reader;
    int next[2] = {0, 0};
    int64_t position = 0;
    NEEDS(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader));
    while (position < 2 * COUNT && !check_failures) {
        ckafka_view_t *view = NULL;
        const ckafka_rec_t *rows;
        const void *base;
        size_t count, size, i;
        NEEDS(ckafka_reader_fetch(reader, 1 << 20, 0, &view));
        NEEDS(ckafka_view_base(view, &base, &size));
        NEEDS(ckafka_view_records(view, &rows, &count));
        for (i = 0; i < count; i++) {
            const char *value = (const char *)base + rows[i].val_pos;
            int number = atoi(value + 2);
            HOLDS(value[0] == 'a' || value[0] == 'b');
            EQUALS(number, next[value[0] == 'b']);
            next[value[0] == 'b'] = number + 1;
        }
        ckafka_view_release(view);
        WORKS(ckafka_reader_position(reader, &position));
    }
    EQUALS(next[0], COUNT);
    EQUALS(next[1], COUNT);
    WORKS(ckafka_reader_close(reader));
}

int main(int argc, char **argv)
{
    struct copy copies[2] = {{.name = 'a'}, {.name = 'b'}};
    pthread_t threads[2];
    ckafka_t *dir;
    ckafka_log_t *log;
    ckafka_conf_t *conf = ckafka_conf_new();
    char path[2][4096];
    int i;
    if (argc != 2)
        return 2;
    WORKS(ckafka_conf_set(conf, "segment.bytes", "500000"));
    NEEDS(ckafka_open(argv[1], conf, CKAFKA_OPEN_CREATE, &dir));
    NEEDS(ckafka_topic_create(dir, "events", 1, conf));
    for (i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s-copy-%d.so", argv[1], i);
        copy_library(path[i]);
        find(&copies[i], path[i]);
        NEEDS(copies[i].open(argv[1], NULL, 0, &copies[i].dir));
        NEEDS(copies[i].log_open(copies[i].dir, "events", 0, &copies[i].log));
    }
    HOLDS(copies[0].append != copies[1].append);
    for (i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, append_all, &copies[i]))
            return 2;
    for (i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    NEEDS(ckafka_log_open(dir, "events", 0, &log));
    check_records(log);
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_close(dir));
    for (i = 0; i < 2; i++) {
        WORKS(copies[i].log_close(copies[i].log));
        WORKS(copies[i].close(copies[i].dir));
    }
    /* The last one out left it clean, and everything in it. */
    NEEDS(ckafka_open(argv[1], NULL, CKAFKA_OPEN_RDONLY, &dir));
    NEEDS(ckafka_log_open(dir, "events", 0, &log));
    check_records(log);
    WORKS(ckafka_log_close(log));
    WORKS(ckafka_close(dir));
    ckafka_conf_free(conf);
    return check_result("copies");
}
